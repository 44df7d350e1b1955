// The comparison. Gradio runs this once, with `element`, `props` and `server`.
const root = element.querySelector('.compare');
const models = Object.fromEntries(props.models.map(m => [m.name, m]));
const families = Object.fromEntries(props.families.map(f => [f.name, f]));
const LOW = -3, HIGH = 3, REST = 220;                         // a slider's ends; milliseconds
const PLACES = ['First model', 'Second model', 'Third model'].slice(0, props.most);
const state = {
  family: props.families[0].name,
  asked: props.families[0].pair.slice(),                // the models that are chosen
  shown: [],                                                  // and those that are on the page
  first: 0,                                                   // the number of a stored picture
  codes: {}, start: {},                                       // of each model that is shown
  rows: [],                                                   // [{model: [latent, correlation]}]
};
function clamp(value) { return Math.max(LOW, Math.min(HIGH, value)); }
function family() { return families[state.family]; }
function latentOf(name, index) { return models[name].latents.find(l => l.index === index); }
function ends(latent, way = 1) { return latent.low || latent.high ? (way < 0 ? [latent.high, latent.low] : [latent.low, latent.high]).join(' ↔ ') : ''; }
function called(latent) { return ends(latent) ? `${latent.noun}: ${ends(latent)}` : latent.noun; }

// ---- what is compared ------------------------------------------------------------------------------
const chosen = choice('compare-data', 'Data', props.families.map(f => [f.name, f.title]), state.family, showFamily);
chosen.hidden = props.families.length < 2;
const pickers = PLACES.map((label, place) => {
  const select = make('select', {id: ['one', 'other', 'third'][place]});
  select.setAttribute('aria-label', label);
  select.addEventListener('change', () => pick(place));
  return select;
});
const number = make('input', {type: 'range', min: 0, max: Math.max(0, props.pictures - 1), step: 1, value: 0});
const numberShown = make('output', {textContent: '0'});
number.addEventListener('input', () => showPicture(+number.value));
const start = make('label', {id: 'start', className: 'first'}, make('span', {textContent: 'Picture'}), number, numberShown);
const back = button({sign: 'reset', words: 'Put back', title: 'Every slider to where this picture has it', act: putBack});
const another = button({sign: 'dice', words: 'Another',
  title: 'Any of the stored pictures', act: () => showPicture(Math.floor(Math.random() * props.pictures))});
const verdict = make('p', {className: 'which'});
const status = make('p', {className: 'unseen'});
status.setAttribute('role', 'status');
function say(text) { status.textContent = text; status.className = text ? 'wrong' : 'unseen'; }

function fillPickers() {
  pickers.forEach((select, place) => {
    const options = family().models.map(n => make('option', {value: n, textContent: models[n].title}));
    if (place > 1) options.unshift(make('option', {value: '', textContent: 'a third model …'}));
    select.replaceChildren(...options);
    select.value = state.asked[place] ?? '';
    select.hidden = place > 1 && family().models.length < 3;
  });
}
function showFamily(name) {
  state.family = name;
  state.asked = family().pair.slice();
  ask();
}
// A model that is chosen twice changes places with the other.
function pick(place) {
  const next = pickers.map(select => select.value), twin = next.findIndex((n, k) => k !== place && n === next[place]);
  if (twin >= 0) next[twin] = state.asked[place] ?? '';
  state.asked = [...new Set(next.filter(Boolean))];
  ask();
}
function showPicture(index) {
  state.first = index;
  number.value = index;
  numberShown.textContent = index;
  number.style.setProperty('--at', `${index / Math.max(1, number.max) * 100}%`);
  ask();
}
function ask() {
  fillPickers();
  verdict.replaceChildren(make('b', {textContent: 'Which should I use?'}), ` ${family().verdict}`);
  showFactors();
  compareSoon();
}
const compareSoon = newestWins(1, () => server.compared({models: state.asked.slice(), first: state.first}), adopt,
  () => say('The server does not answer; it is asked again.'));
async function adopt(answer, newer) {
  if (answer.error) return say(answer.error);
  if (!newer() || Object.keys(answer.codes).join() !== state.asked.join()) return;
  say('');
  state.shown = state.asked.slice();
  state.codes = answer.codes;
  state.start = JSON.parse(JSON.stringify(answer.codes));
  showPairs(answer);
  showSections();
}
