// ---- sharp pictures: whose details they have ------------------------------------------------------
// A code says what the model knows; the renderer adds hair, skin and background. They are the face's
// own, where it came from a picture, those of somebody else, or none.
const OWN_DETAILS = 'own', OTHER = 'other', NO_DETAILS = 'none', TRAINING_FACES = 256;
function draws(name) { return models[name].sharp; }
function isSharp(name) { return state.output === 'sharp' && draws(name); }
function detailsOf(which) {
  const word = name => state.detailing === OTHER ? state.other
    : state.detailing === NO_DETAILS ? NO_DETAILS : state.details[name] ?? NO_DETAILS;
  return Object.fromEntries(which.filter(draws).map(name => [name, word(name)]));
}
// What came with a face: one word for all models, or one for each.
function keepDetails(found, of) {
  for (const name of of) state.details[name] = typeof found === 'string' ? found : found?.[name] ?? NO_DETAILS;
}
function someoneElse() { state.other = `t${Math.floor(Math.random() * TRAINING_FACES)}`; }
const detailing = choice('details', 'Details', [[OWN_DETAILS, 'its own'], [OTHER, 'somebody else’s'], [NO_DETAILS, 'none']], OWN_DETAILS,
  kind => once(() => { state.detailing = kind; if (kind === OTHER) someoneElse(); showSharp(); want(state.shown); }));
const anew = button({id: 'anew', sign: 'dice', words: 'Draw others', kind: 'small', title: 'Details of another training face (D)', act: drawDetails});
const INVENTED = 'The model says what the sliders hold. The renderer invents the rest: likely, not seen.';
const invented = make('p', {className: 'hint', textContent: INVENTED});
function sharpTag(name) {
  const tag = make('span', {className: 'sharp-tag', textContent: ' · details invented', title: INVENTED, hidden: true});
  tag.dataset.sharp = name;
  return tag;
}
const sharpening = make('div', {className: 'sharpening'}, detailing, anew, invented);
function drawDetails() {
  if (!state.shown.some(isSharp)) return say('The pictures are not sharp ones.');
  once(() => { state.detailing = OTHER; someoneElse(); showSharp(); want(state.shown); });
}
function showSharp() {
  const some = state.shown.some(draws);
  sharpening.hidden = !state.shown.some(isSharp);
  anew.hidden = state.detailing !== OTHER;
  check(detailing, state.detailing);
  bar.output.querySelector('[value=sharp]').closest('label').hidden = !some;
  check(bar.output, state.output === 'sharp' && !some ? 'mean' : state.output);
  for (const name of names) {
    const tag = element.querySelector(`[data-sharp="${CSS.escape(name)}"]`);
    if (tag) tag.hidden = !isSharp(name);
  }
}
