// ---- what is done with a run that has ended ------------------------------------------------------------------
const asked = name => ({token: visit.token, run: name});
function tab(id) { document.querySelector(`[role=tab][data-tab-id="${id}"]`)?.click(); }
async function answerTo(question, patience = LOST) {
  try {
    const answer = await answered(question, patience);
    if (answer.error) { say(answer.error, true); return null; }
    return answer;
  } catch {
    say('The server does not answer; try again.', true);
    return null;
  }
}
async function openInTraverse(name, other = null) {
  const answer = await answerTo(server.open(asked(name)));
  if (!answer) return;
  const board = document.querySelector('.board');
  if (!board?.admit) return say('The Traverse tab is not there yet; try again.', true);
  board.admit(answer.model, answer.code, `A shape as ${answer.model.title} draws it. Its sliders are what you trained.`, other);
  opened.add(name);
  tab('traverse');
}
const opened = new Set();                                     // runs that the board knows
async function compareWith(name, other) {
  const answer = await answerTo(server.open(asked(name)));
  if (!answer) return;
  const mine = runs[other] ? await answerTo(server.open(asked(other))) : {model: null};
  if (!mine) return;
  tab('compare');
  const view = await filled('.compare');
  if (view) return view.admit([answer.model, mine.model].filter(Boolean), [name, other]);
  tab('train');
  say('The Compare tab is not there yet; try again.', true);
}
// A tab is filled when it is first opened.
async function filled(selector) {
  for (const began = performance.now(); performance.now() - began < LOST; await new Promise(go => setTimeout(go, 50))) {
    const view = document.querySelector(selector);
    if (view?.admit) return view;
  }
  return null;
}
async function download(name) {
  const answer = await answerTo(server.download(asked(name)));
  if (!answer) return;
  const content = await (await fetch(answer.file)).blob(), address = URL.createObjectURL(content);
  const run = runs[name];
  make('a', {href: address, download: `${run.objective}-${Object.values(run.weights).join('-') || '1'}.zip`}).click();
  setTimeout(() => URL.revokeObjectURL(address), LOST);
}
async function measure(name) {
  if (await answerTo(server.measure(asked(name)))) soon();
}

const afters = {};                                            // of each run, once it has ended
function showAfter(run) {
  const {after} = columns[run.name];
  if (!['done', 'measuring'].includes(run.stage)) return after.replaceChildren();
  const parts = afters[run.name] ??= buildAfter(run);
  if (!after.children.length) after.append(...parts.nodes);
  const others = Object.values(runs).filter(r => r.name !== run.name && r.data === run.data && ['done', 'measuring'].includes(r.stage));
  const served = props.others.filter(o => o.data === run.data);
  parts.measure.hidden = run.data !== 'shapes2d';             // the metrics need known factors
  const choices = [...others, ...served].map(o => `${o.name}=${o.title}`).join();
  if (parts.choices !== choices) {
    parts.choices = choices;
    parts.compare.replaceChildren(make('option', {value: '', textContent: 'Compare with …'}),
      ...others.map(o => make('option', {value: o.name, textContent: `${o.title}, the run beside it`})),
      ...served.map(o => make('option', {value: o.name, textContent: o.title})));
  }
  parts.measure.disabled = Boolean(visit.state) || run.stage === 'measuring';
  parts.command.textContent = run.command;
  showMeasured(run, parts.scores);
}
function buildAfter(run) {
  const compare = make('select', {});
  compare.setAttribute('aria-label', `Compare ${run.title} with`);
  compare.addEventListener('change', () => { const other = compare.value; compare.value = ''; if (other) compareWith(run.name, other); });
  const measuring = button({words: 'Measure', title: 'Every metric, on 9,000 pictures: half a minute', act: () => measure(run.name)});
  const command = make('pre', {tabIndex: 0});
  command.setAttribute('aria-label', 'The commands that make this bundle again');
  const scores = make('div', {className: 'scores'});
  return {
    compare, measure: measuring, command, scores, choices: '',
    nodes: [
      make('div', {className: 'buttons'},
        button({words: 'Open in Traverse', kind: 'strong', title: 'Drag what it has learned', act: () => openInTraverse(run.name)}),
        compare, measuring,
        button({sign: 'save', words: 'Download', title: 'The bundle as a zip: VAE.from_pretrained reads it', act: () => download(run.name)})),
      scores,
      make('details', {}, make('summary', {textContent: 'The command that makes it again'}), command),
    ],
  };
}
function showMeasured(run, box) {
  const found = run.measured;
  box.hidden = !found;
  if (!found) return;
  const busy = run.stage === 'measuring' && found.done < 1;
  const rows = Object.entries(found.scores).map(([name, score]) =>
    make('li', {}, make('span', {textContent: name}), make('b', {textContent: score.toFixed(3)})));
  box.replaceChildren(
    ...(busy ? [make('progress', {max: 1, value: found.done}), make('p', {textContent: `Measured now: ${found.now || 'encoding'} …`})] : []),
    make('ul', {}, ...rows),
    make('p', {className: 'small', textContent: `On ${found.pictures.toLocaleString('en')} pictures, a fifth of the published protocol's. Higher is better.`}));
}
