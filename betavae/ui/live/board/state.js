// The live board. Gradio runs this once, with `element`, `props`, `watch` and `server`.
const root = element.querySelector('.board');
const models = Object.fromEntries(props.models.map(m => [m.name, m]));
const names = props.models.map(m => m.name);
const LOW = -3, HIGH = 3, FURTHEST = 20;                      // a slider's ends; what a decoder is asked at most

// All that a visitor does is in here: undo, snapshots and the link keep it.
const state = {
  shown: props.first,
  codes: Object.fromEntries(names.map(n => [n, zeros(n)])),   // what is decoded, in steps of 0.01
  start: Object.fromEntries(names.map(n => [n, zeros(n)])),   // where the arrows lead, unrounded
  locks: Object.fromEntries(names.map(n => [n, []])),         // latents that random and reset leave
  named: Object.fromEntries(names.map(n => [n, {}])),         // the visitor's own names
  photo: {},                                                  // {family: whether its face came from the visitor's photo}
  output: props.models.some(m => m.sharp) ? 'sharp' : 'mean', seed: 1,
  details: {}, detailing: 'own', other: 't0',                 // of sharp pictures: see sharp.js
};
const notes = {};                                             // what is said of each family's face
let turn = 0;                                                 // counts what changes the codes
let hand = null;                                              // {model, latent} that was touched last

function zeros(name) { return models[name].latents.map(() => 0); }
function rounded(value) { return Math.round(value * 100) / 100 + 0; }
function clamp(value, low = LOW, high = HIGH) { return Math.max(low, Math.min(high, value)); }
function copy(value) { return JSON.parse(JSON.stringify(value)); }
function familyOf(name) { return models[name]?.family; }
function family() { return familyOf(state.shown[0]); }
function word(of = family()) { return props.families.find(f => f.name === of)?.word ?? 'picture'; }
function capital(text) { return text.slice(0, 1).toUpperCase() + text.slice(1); }
// The models of the data that are shown: the others keep their faces.
function relatives() { return names.filter(n => familyOf(n) === family()); }
function latentOf(name, index) { return models[name].latents.find(l => l.index === index); }
function activeOf(name) { return models[name].latents.filter(l => l.active); }
function locked(name, index) { return state.locks[name].includes(index); }

// A latent in words, as the visitor calls it or as it was measured.
function noun(name, latent) { return state.named[name][latent.index] ?? latent.noun; }
function ends(name, latent) {
  return state.named[name][latent.index] || !(latent.low || latent.high) ? '' : `${latent.low} ↔ ${latent.high}`;
}
function called(name, latent) {
  const between = ends(name, latent);
  return between ? `${noun(name, latent)}: ${between}` : noun(name, latent);
}
function spoken(name, latent, value) {
  const toward = value > 0.005 ? latent.high : value < -0.005 ? latent.low : '';
  return toward && ends(name, latent) ? `${value.toFixed(2)}, towards ${toward}` : value.toFixed(2);
}
function details(name, latent) {
  const strength = latent.active ? `${klOf(name, latent).toFixed(2)} nats` : 'carries nothing';
  return `z${latent.index} · ${strength} · tracks ${latent.tracks || 'nothing'}`.replace(/-(?=\d)/g, '−').replace(/ %/g, '\u00a0%');
}
// A code with its locked latents as they are now.
function keepingLocks(name, code) {
  return code.map((value, index) => locked(name, index) ? state.codes[name][index] : value);
}
function lockedValues(of) {
  return Object.fromEntries(of.filter(n => state.locks[n].length).map(n =>
    [n, Object.fromEntries(state.locks[n].map(index => [index, clamp(state.codes[n][index], -FURTHEST, FURTHEST)]))]));
}
