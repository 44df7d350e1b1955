// ---- commands, and the first face ------------------------------------------------------------------
function place(name, code, start = code) {                    // a code as it came; the board shows it to 0.01
  if (!code || code.length !== models[name].latents.length) return false;
  state.start[name] = start.slice();
  state.codes[name] = keepingLocks(name, code.map(rounded));
  models[name].latents.forEach(l => show(name, l.index));
  placeMark(name);
  return true;
}
// `note` is a sentence, or a function of the word for one picture of a family.
function setFace(codes, note, of = names, {photo = false, details = null} = {}) {
  turn++;
  if (details) { keepDetails(details, of); state.detailing = OWN_DETAILS; showSharp(); }
  for (const name of of)
    if (place(name, codes[name])) {
      notes[familyOf(name)] = note instanceof Function ? note(word(familyOf(name))) : note;
      state.photo[familyOf(name)] = photo;
    }
  const turning = arrive(of.filter(name => codes[name]));
  say(notes[family()]);                                       // a late face may be another family's
  want(state.shown.filter(name => !turning.includes(name)));
}
const redrawn = number => one => `${capital(one)} ${number}, as each model redraws it.`;
// A face for the models `of`, asked for until it comes, unless the visitor has gone on meanwhile.
async function ask(question, of, first = false) {
  stopAnimation();
  const mine = ++turn, asking = 'The server does not answer; it is asked again.';
  while (mine === turn) {
    try {
      const answer = await answered(question(), LOST, () => { if (mine === turn) wait.slow(FACE); });
      wait.over(FACE);
      if (mine !== turn) break;
      if (!answer.codes) return say(answer.error, true);
      if (!first) remember();
      setFace(answer.codes, answer.note ?? redrawn(answer.number), of, {details: answer.details});
      return;
    } catch {
      if (mine === turn) say(asking, true);
      await new Promise(resolve => { setTimeout(resolve, RETRY); });
    }
  }
  if (status.textContent === asking) say(notes[family()]);
}
// The face that came with the page, so that nothing has to be asked for the first picture.
function showOpening() {
  const {codes, number, pictures, details} = props.opening;
  setFace(codes, damaged || (one => DRAG + redrawn(number)(one)), names, {details});
  if (damaged) say(damaged, true);
  damaged = '';
  wanted.clear();
  wish.fulfilled();
  draw({pictures}, () => true, performance.now());
}
const commands = {
  start: () => openLink() || showOpening(),
  real: () => ask(() => server.real_face({}), relatives()),
  random: () => {
    const shown = state.shown.slice();
    ask(() => server.random_face({models: shown, locked: lockedValues(relatives())}), names);
  },
  reset: () => once(() => {
    stopAnimation();
    setFace(Object.fromEntries(relatives().map(n => [n, zeros(n)])), 'Every slider at zero: the middle of the prior.', relatives(), {details: props.middle});
  }),
  face: command => {
    const codes = command.codes ?? {};
    stopAnimation();
    remember();
    for (const name in codes) if (name in models) { state.locks[name] = []; showLocks(name); }
    if (!state.shown.some(n => n in codes)) showModels(command.models ?? []);
    setFace(codes, command.note, names, {photo: true, details: command.details ?? NO_DETAILS});
  },
  show: command => showModels(command.models ?? []),
};
function showLocks(name) { models[name].latents.forEach(l => showLock(name, l.index)); }
function obey() {
  const command = copy(props.value ?? {});
  commands[command.action]?.(command);
}

for (const model of props.models) buildModel(model);
root.append(make('div', {className: 'deck'}, toolbar, player, make('div', {className: 'side'}, stage, sides, status, tray)), panels, dialog, chooser);
document.querySelector('.first-sight')?.remove();             // what the page showed so far
showModels(state.shown);
showSteps();
// For the tab that pastes the face back: what the sliders say, and where they started. A latent that
// was not moved is as it came, not as it is rounded.
root.codes = () => ({
  hand: hand?.model,
  details: Object.fromEntries(names.filter(isSharp).map(n => [n, detailsOf([n])[n]])),   // of sharp pictures
  start: state.start,
  edited: Object.fromEntries(names.map(n => [n, state.codes[n].map((value, k) =>
    value === rounded(state.start[n][k]) ? state.start[n][k] : value)])),
});
// For the lab: a model that the visitor has trained is one of those here, until it is gone.
root.admit = (model, code, note, other) => {
  if (!(model.name in models)) {
    models[model.name] = model;
    names.push(model.name);
    Object.assign(state.codes, {[model.name]: zeros(model.name)});
    Object.assign(state.start, {[model.name]: zeros(model.name)});
    state.locks[model.name] = [];
    state.named[model.name] = {};
    rows[model.name] = {};
    buildModel(model);
  }
  stopAnimation();
  remember();
  showModels([model.name, other].filter(Boolean));
  setFace({[model.name]: code}, note, [model.name]);
};
root.dismiss = name => {
  if (!(name in models)) return;
  if (state.shown.includes(name)) showModels(props.first);
  names.splice(names.indexOf(name), 1);
  delete models[name];
};
watch('value', obey);
obey();
