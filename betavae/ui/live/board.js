// The live board. Gradio runs this once, with `element`, `props`, `watch` and `server`.
const root = element.querySelector('.board');
const models = Object.fromEntries(props.models.map(m => [m.name, m]));
const names = props.models.map(m => m.name);
const state = {
  codes: Object.fromEntries(names.map(n => [n, zeros(n)])),   // what is decoded
  start: Object.fromEntries(names.map(n => [n, zeros(n)])),   // where the reset arrows lead
  shown: props.first, output: 'mean', strips: true, seed: 1,
};
const parts = {};                                             // the DOM of each model

const notes = {};                                             // what is said of each family's face
let turn = 0;                                                 // counts what changes the codes

function zeros(name) { return models[name].latents.map(() => 0); }
// The models of the data that are shown: the others keep their faces.
function family() { return models[state.shown[0]]?.family; }
function relatives() { return names.filter(n => models[n].family === family()); }

// ---- what is on the page -------------------------------------------------------------------
const stage = make('div', {className: 'stage'});
const status = make('p', {className: 'status'});
status.setAttribute('role', 'status');
const panels = make('div', {className: 'panels'});

function buildModel(model) {
  const picture = make('canvas', {width: SIZE, height: SIZE});
  picture.setAttribute('role', 'img');
  picture.setAttribute('aria-label', `Decoded by ${model.title}`);
  picture.dataset.model = model.name;
  const choose = make('button', {type: 'button', textContent: model.title});
  choose.addEventListener('click', () => choosePanel(model.name));
  const figure = make('figure', {}, picture, make('figcaption', {}, choose));
  const active = model.latents.filter(l => l.active), folded = model.latents.filter(l => !l.active);
  const count = `${active.length} of ${model.latents.length} latents active`;
  const panel = make('section', {className: 'panel'},
    make('h3', {}, model.title, make('small', {textContent: count})),
    make('div', {className: 'sliders'}, ...active.map(l => buildLatent(model, l, true))));
  panel.setAttribute('aria-label', `Latents of ${model.title}`);
  if (folded.length) {
    const summary = `${folded.length} inactive latents (they carry under 0.05 nats: nothing moves)`;
    panel.append(make('details', {}, make('summary', {textContent: summary}),
      make('div', {className: 'sliders'}, ...folded.map(l => buildLatent(model, l, false)))));
  }
  return {figure, picture, panel, choose, latents: parts[model.name]?.latents ?? {}};
}

function buildLatent(model, latent, withStrip) {
  const id = `${element.id || 'board'}-${model.name}-${latent.index}`;
  const range = make('input', {type: 'range', min: -3, max: 3, step: 0.01, value: 0, id});
  const number = make('input', {type: 'number', min: -3, max: 3, step: 0.1, value: '0.00'});
  number.setAttribute('aria-label', `Value of ${latent.label}`);
  const arrow = make('button', {type: 'button', className: 'arrow', textContent: '↺'});
  arrow.title = 'Back to where you started';
  arrow.setAttribute('aria-label', `Reset ${latent.label}`);
  const label = make('label', {htmlFor: id, textContent: latent.label});
  label.title = `${latent.kl} nats; tracks ${latent.tracks || 'nothing'}`;
  const box = make('div', {className: 'latent'},
    make('div', {className: 'head'}, label, number, arrow), range);
  range.dataset.model = model.name;
  range.dataset.latent = latent.index;
  const entry = {range, number, strip: null};
  range.addEventListener('input', () => move(model.name, latent.index, +range.value));
  number.addEventListener('change', () => {
    if (number.value !== '' && isFinite(+number.value))
      move(model.name, latent.index, Math.max(-3, Math.min(3, +number.value)));
    number.value = state.codes[model.name][latent.index].toFixed(2);   // also while it has the focus
  });
  arrow.addEventListener('click', () => {
    move(model.name, latent.index, state.start[model.name][latent.index]);
  });
  if (withStrip) {
    entry.strip = make('canvas', {className: 'strip', width: 7 * 64, height: 64});
    entry.strip.setAttribute('aria-hidden', 'true');
    entry.strip.title = 'What this latent does from here, from −3 to 3; click to go there';
    entry.strip.addEventListener('click', event => {
      const across = event.offsetX / entry.strip.clientWidth;
      move(model.name, latent.index, Math.max(-3, Math.min(3, Math.floor(across * 7) - 3)));
    });
    box.append(entry.strip);
  }
  (parts[model.name] ??= {latents: {}}).latents[latent.index] = entry;
  return box;
}

// ---- from a slider to a picture --------------------------------------------------------------
function show(name, index) {                                  // the controls follow the code
  const {range, number} = parts[name].latents[index], value = state.codes[name][index];
  range.value = value;
  if (document.activeElement !== number) number.value = value.toFixed(2);
  range.style.setProperty('--at', `${(Math.max(-3, Math.min(3, value)) + 3) / 6 * 100}%`);
}
function move(name, index, value) {
  turn++;
  state.codes[name][index] = value;
  show(name, index);
  want([name]);
}
function setFace(codes, note, of = names) {
  turn++;
  for (const name of of) {
    const code = codes[name];
    if (!code || code.length !== models[name].latents.length) continue;
    state.codes[name] = code.slice();
    state.start[name] = code.slice();
    notes[models[name].family] = note;
    models[name].latents.forEach(l => show(name, l.index));
  }
  say(notes[family()]);                                       // a late face may be another family's
  want(state.shown);
}

const wanted = new Set();                                     // models whose codes changed
let silent = false;                                           // the server, when last asked
const wish = newestWins(props.in_flight, askFrame, draw, () => {
  say('The server does not answer; the picture is not up to date.', true);
  silent = true;
  state.shown.forEach(name => wanted.add(name));              // for the next try
});
function want(which) {
  const shown = which.filter(n => state.shown.includes(n));
  shown.forEach(n => wanted.add(n));
  if (shown.length) wish();
  scheduleStrips();
}
function askFrame() {
  const asked = wanted.size ? [...wanted] : state.shown;      // a retry may find nothing left
  const codes = Object.fromEntries(asked.map(name => [name, state.codes[name].slice()]));
  wanted.clear();
  return server.frame({codes, output: state.output, seed: state.seed});
}
async function draw(answer, newer, asked) {
  if (answer.error) return say(answer.error, true);
  const decoded = await Promise.all(Object.entries(answer.pictures).map(
    async ([name, uri]) => [name, await load(uri)]));
  for (const [name, image] of decoded) if (newer(name)) enlarge(image, parts[name].picture);
  if (silent) { silent = false; say('The server answers again.'); scheduleStrips(); }
  root.dataset.frames = +(root.dataset.frames ?? 0) + 1;
  root.dispatchEvent(new CustomEvent('drawn', {detail: {asked}}));   // for who measures latency
}
function say(text, wrong = false) {
  status.textContent = text ?? '';
  status.classList.toggle('wrong', wrong);
}

// The strips of the other latents change with every move: they wait until the hand rests.
let timer = null, striping = false, again = false, stale = false;
function scheduleStrips() {
  clearTimeout(timer);
  if (state.strips) timer = setTimeout(drawStrips, 220);
}
async function drawStrips() {
  if (striping) { again = true; return; }
  striping = true;
  const codes = Object.fromEntries(state.shown.map(n => [n, state.codes[n].slice()]));
  try {
    const answer = await answered(server.strips({codes, output: state.output}));
    if (answer.error) say(answer.error, true);
    for (const [name, uri] of Object.entries(answer.sheets ?? {})) {
      if (!uri) continue;
      const image = await load(uri);
      models[name].latents.filter(l => l.active).forEach((latent, row) => {
        parts[name].latents[latent.index].strip.getContext('2d')
          .drawImage(image, 0, 64 * row, 7 * 64, 64, 0, 0, 7 * 64, 64);
      });
    }
    root.dataset.strips = +(root.dataset.strips ?? 0) + 1;
    if (stale && !silent) say('The server answers again.');
    stale = false;
  } catch {
    say('The server does not answer; the strips are not up to date.', true);
    stale = true;
    setTimeout(scheduleStrips, RETRY);
  }
  striping = false;
  if (again) { again = false; scheduleStrips(); }
}

// ---- commands from the rest of the page ------------------------------------------------------
function showModels(which) {
  state.shown = [...new Set(which)].filter(n => n in models);
  root.dataset.count = state.shown.length;
  stage.replaceChildren(...state.shown.map(n => parts[n].figure));
  panels.replaceChildren(...state.shown.map(n => parts[n].panel));
  choosePanel(state.shown.at(-1));
  say(notes[family()]);
  want(state.shown);
}
// On a narrow screen there is room for one model's sliders: its caption chooses them.
function choosePanel(name) {
  for (const other of names) {
    parts[other].panel.classList.toggle('chosen', other === name);
    parts[other].choose.setAttribute('aria-pressed', String(other === name));
  }
  letChoose();
}
const narrow = matchMedia('(max-width: 899px)');              // as board.css has it
function letChoose() {
  for (const name of names) parts[name].choose.disabled = !narrow.matches || state.shown.length < 2;
}
narrow.addEventListener('change', letChoose);
// A face for the models `of`, asked for until it comes, unless the visitor has gone on meanwhile.
async function ask(question, of) {
  const mine = ++turn, asking = 'The server does not answer; it is asked again.';
  while (mine === turn) {
    try {
      const answer = await answered(question());
      if (mine !== turn) break;
      if (answer.codes) setFace(answer.codes, answer.note, of);
      else say(answer.error, true);
      return;
    } catch {
      if (mine === turn) say(asking, true);
      await new Promise(resolve => { setTimeout(resolve, RETRY); });
    }
  }
  if (status.textContent === asking) say(notes[family()]);
}
const commands = {
  start: () => ask(() => server.real_face({}), names),
  real: () => ask(() => server.real_face({}), relatives()),
  random: () => { const models = state.shown; ask(() => server.random_face({models}), names); },
  reset: () => setFace(Object.fromEntries(relatives().map(n => [n, zeros(n)])),
    'All latents at zero: the middle of the prior.'),
  face: command => {
    const codes = command.codes ?? {};
    if (!state.shown.some(n => n in codes)) showModels(command.models ?? []);
    setFace(codes, command.note);
  },
  show: command => showModels(command.models ?? []),
  output: command => { state.output = command.output; want(state.shown); },
  strips: command => {
    state.strips = command.strips;
    root.classList.toggle('plain', !command.strips);
    scheduleStrips();
  },
};
function obey() {
  const command = JSON.parse(JSON.stringify(props.value ?? {}));
  commands[command.action]?.(command);
}

for (const model of props.models) parts[model.name] = buildModel(model);
root.append(make('div', {className: 'side'}, stage, status), panels);
showModels(state.shown);
// For the tab that pastes the face back: what the sliders say, and where they started.
root.codes = () => ({edited: state.codes, start: state.start});
watch('value', obey);
obey();
