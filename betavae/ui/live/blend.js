// The blend slider: codes between two faces. Gradio runs this once, after component.js.
const root = element.querySelector('.blend');
const state = {from: null, to: null, share: 0.5, details: {from: {}, to: {}}};
const pictures = {};

const range = make('input', {type: 'range', min: 0, max: 1, step: 0.005, value: 0.5});
range.setAttribute('aria-label', 'From the first face to the second');
const status = make('p', {className: 'caption'});
status.setAttribute('role', 'status');
const stage = make('div', {className: 'stage'}, ...props.models.map(model => {
  pictures[model.name] = make('canvas', {width: SIZE, height: SIZE});
  pictures[model.name].dataset.model = model.name;
  pictures[model.name].setAttribute('role', 'img');
  pictures[model.name].setAttribute('aria-label', `Blend by ${model.title}`);
  return make('figure', {}, pictures[model.name], make('figcaption', {textContent: model.title}));
}));

function codes() {
  const mix = (a, b) => a.map((value, i) => value + state.share * (b[i] - value));
  return Object.fromEntries(props.models.filter(m => state.from[m.name] && state.to[m.name])
    .map(m => [m.name, mix(state.from[m.name], state.to[m.name])]));
}
function details() {
  const {from, to} = state.details;
  return Object.fromEntries(props.models.filter(m => m.sharp).map(m => [m.name, [from[m.name] ?? 'none', to[m.name] ?? 'none', state.share]]));
}
async function draw(answer, newer) {
  if (answer.error) { status.textContent = answer.error; return; }
  const names = Object.keys(answer.pictures);
  const images = await Promise.all(names.map(name => load(answer.pictures[name])));
  if (!newer()) return;
  names.forEach((name, i) => enlarge(images[i], pictures[name]));
  status.textContent = '';
  root.dataset.frames = +(root.dataset.frames ?? 0) + 1;
}
const want = newestWins(props.in_flight, () => server.frame({codes: codes(), output: 'sharp', details: details()}), draw,
  () => { status.textContent = 'The server does not answer; the picture is not up to date.'; });

range.addEventListener('input', () => {
  state.share = +range.value;
  range.style.setProperty('--at', `${state.share * 100}%`);
  if (state.from) want();
});
function obey() {
  const value = JSON.parse(JSON.stringify(props.value ?? {}));
  state.from = value.from ?? null;
  state.to = value.to ?? null;
  state.details = value.details ?? {from: {}, to: {}};
  root.hidden = !state.from || !state.to;
  if (!root.hidden) want();
}
range.style.setProperty('--at', '50%');
root.append(stage, make('div', {className: 'ends'}, make('span', {textContent: 'first face'}), range,
  make('span', {textContent: 'second face'})), status);
watch('value', obey);
obey();
