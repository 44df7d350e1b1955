// ---- the visit: what is asked of the server, and when -----------------------------------------------------
const visit = {token: null, state: '', kind: '', place: 0, shown: []};
const OFTEN = 700, AT_REST = 60_000;                          // milliseconds between two looks
const play = button({sign: 'play', kind: 'play', title: 'Start', act: () => press()});
play.id = `lab-play`;
const one = button({words: 'Step', title: 'One step of gradient descent', act: () => word('step')});
const stop = button({words: 'Stop', title: 'End it here; what it has learned is kept', act: () => word('stop')});
const another = button({words: 'Again with another β', title: 'The last run stays beside the next one', act: again});
const link = button({sign: 'link', kind: 'plain', title: 'Copy the link to this set-up', act: copySetup});
const time = make('output', {className: 'time', textContent: '0:00'});
const progress = make('progress', {max: 1, value: 0});
const status = make('p', {className: 'status'});
status.dataset.state = '';
status.setAttribute('role', 'status');
progress.setAttribute('aria-label', 'How much of its time has passed');
function say(text, wrong = false) { status.textContent = text; status.classList.toggle('wrong', wrong); }

const more = make('details', {className: 'more'}, make('summary', {textContent: 'Latents, learning rate, seed'}),
  shared.latents.box, shared.learning_rate.box, seedBox);
const panel = make('form', {className: 'panel'},
  make('div', {className: 'drive'}, play, make('div', {className: 'clock'}, make('div', {className: 'line'}, time, one, stop), progress)),
  status,
  make('div', {className: 'set-up'}, material, parts[0].box, besideLabel, parts[1].box, shared.seconds.box, more),
  make('div', {className: 'line'}, another, link));
panel.addEventListener('submit', event => event.preventDefault());
panel.setAttribute('aria-label', 'What is trained');
const stage = make('div', {className: 'runs'});
const empty = make('div', {className: 'empty'},
  make('p', {}, make('b', {textContent: 'Press start. '}), 'Two networks learn 2D shapes before your eyes, on this server\'s own processor. Watch which latent becomes “x”, which “y” and which “size”.'),
  make('img', {src: props.shown, alt: 'Some of the shapes'}),
  make('dl', {}, ...Object.entries({
    'A bar': 'how many nats of KL a latent carries. It grows, or it dies and the latent is silent.',
    'A strip': 'what the latent draws from −3 to 3. Does the shape move, grow or turn?',
    'A heat map': 'what the latent tells of each factor. One dark cell in a column: the factor has a latent of its own.',
  }).map(([term, text]) => make('div', {}, make('dt', {textContent: term}), make('dd', {textContent: text})))));
root.append(panel, make('div', {className: 'stage-box'}, empty, stage, chartsBox));

function press() {
  if (!visit.state) return begin();
  if (visit.state === 'running') return word('pause');
  if (visit.state === 'paused') return word('go');
}
async function begin() {
  say('');
  play.disabled = true;
  const answer = await answerTo(server.begin({token: visit.token, keep: form.keep, ...setup()}));
  play.disabled = false;
  if (!answer) return;
  history.replaceState(history.state, '', setupLink());
  if (visit.token !== answer.token) trigger('submit', {token: answer.token});
  form.keep = null;
  for (const name of Object.keys(runs)) if (!answer.runs.some(run => run.name === name)) forget(name);
  adopt(answer);
  showForm();
  soon();
}
function forget(name) {
  for (const of of [runs, columns, afters, drawnVersion]) delete of[name];
  if (opened.delete(name)) document.querySelector('.board')?.dismiss?.(name);
}
async function word(text) {
  const state = {pause: 'paused', step: 'paused', go: 'running'}[text];
  const answer = await answerTo(server.say({token: visit.token, word: text}));
  if (answer && state) { visit.state = state; showDrive(); }
  soon();
}
// The run that ended last stays on the left.
function again() {
  const done = visit.shown.map(name => runs[name]).filter(run => ['done', 'measuring'].includes(run?.stage)).at(-1);
  if (!done) return;
  form.keep = done.name;
  form.runs[1] = {objective: done.objective, weights: {[done.objective]: {...done.weights}}, falls: done.falls};
  form.latents = done.latents;
  form.data = done.data;
  showForm();
  say(`${done.title} stays. Choose another β, and press start.`);
  parts[1].knobs.querySelector('input')?.focus();
}

// ---- the looks ----------------------------------------------------------------------------------------------
let timer = null, looking = false, wanted = false;
function soon(wait = 0) {
  clearTimeout(timer);
  timer = setTimeout(lookNow, wait);
}
async function lookNow() {
  if (!visit.token) return;
  if (looking) { wanted = true; return; }
  looking = true;
  wanted = false;
  try {
    const seen = Object.fromEntries(Object.values(runs).map(run => [run.name, run.version]));
    const answer = await answered(server.look({token: visit.token, seen}));
    if (answer.error) lost(answer.error); else adopt(answer);
  } catch {
    say('The server does not answer; it is asked again.', true);
  }
  looking = false;
  if (visit.token) soon(wanted ? 0 : visit.state ? OFTEN : AT_REST);
}
function lost(sentence) {                                     // the server was started again, or an hour is over
  visit.token = null;
  visit.state = '';
  say(sentence, true);
  showDrive();
}
function adopt(answer) {
  Object.assign(visit, {token: answer.token, state: answer.state, kind: answer.kind, place: answer.place});
  visit.shown = answer.runs.map(run => run.name);
  for (const run of answer.runs) runs[run.name] = {...run, report: run.report ?? runs[run.name]?.report};
  root.dataset.state = visit.state;
  root.dataset.looks = +(root.dataset.looks ?? 0) + 1;
  draw();
}
function draw() {
  const shown = visit.shown.map(name => runs[name]);
  const boxes = shown.map((run, place) => column(run, place).box);
  if (boxes.some((box, k) => stage.children[k] !== box) || stage.children.length !== boxes.length) stage.replaceChildren(...boxes);
  stage.dataset.count = boxes.length;
  empty.hidden = boxes.length > 0;
  const scale = Math.max(1, ...shown.flatMap(run => run.report?.kl ?? []));   // one axis for both
  for (const run of shown) { drawRun(run, scale); showAfter(run); }
  drawCurves(shown);
  showDrive();
}
const SIGNS = {'': ['play', 'Start'], running: ['pause', 'Pause'], paused: ['play', 'Go on']};
function showDrive() {
  const working = visit.shown.map(name => runs[name]).filter(run => run.stage === 'training');
  const [picture, title] = SIGNS[visit.kind === 'measure' ? '' : visit.state] ?? ['pause', 'Wait'];
  sign(play, picture);
  play.title = title;
  play.setAttribute('aria-label', title);
  const packs = Boolean(visit.state) && visit.kind === 'train' && visit.shown.length && !working.length && !['waiting', 'starting'].includes(visit.state);
  play.disabled = packs || visit.kind === 'measure' || ['waiting', 'starting', 'stopping'].includes(visit.state);
  const trains = visit.kind === 'train' && Boolean(visit.state);
  one.disabled = !trains || packs || !['running', 'paused'].includes(visit.state);
  stop.disabled = !trains || packs || visit.state === 'stopping';
  stop.querySelector('span').textContent = visit.state === 'waiting' ? 'Leave' : 'Stop';
  another.disabled = Boolean(visit.state) || !visit.shown.some(name => ['done', 'measuring'].includes(runs[name].stage));
  panel.querySelector('.set-up').toggleAttribute('inert', Boolean(visit.state));
  const report = (working.at(-1) ?? runs[visit.shown.at(-1)])?.report;
  const full = (working.at(-1) ?? runs[visit.shown.at(-1)])?.seconds ?? form.seconds;
  time.textContent = !visit.state && report ? clock(report.seconds) : `${clock(report?.seconds ?? 0)} of ${clock(visit.state ? full : form.seconds)}`;
  progress.value = !report ? 0 : visit.state ? Math.min(1, report.seconds / full) : 1;
  const waits = visit.place === 1 ? 'You are next: another visitor trains just now.' : `You are number ${visit.place} in the queue.`;
  const told = {waiting: waits, starting: 'The training starts: a few seconds.', paused: 'Paused. Step makes one step; after ten minutes it is stopped.',
    stopping: 'It stops after this step.'}[visit.state];
  if (told) say(told); else if (status.dataset.state !== visit.state) say('');
  status.dataset.state = visit.state;
}
async function copySetup() {
  const text = setupLink().href;
  try {
    await navigator.clipboard.writeText(text);
    say('The link is copied: whoever opens it finds this set-up, and presses start.');
  } catch {
    say(text);
  }
}
const damaged = readSetup();
if (damaged) say(damaged, true);
changed.push(showDrive);
showForm();
showDrive();
drawCurves([]);
addEventListener('pagehide', () => { if (visit.token) server.leave({token: visit.token}); });
