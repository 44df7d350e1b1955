// ---- undo: whole states on a stack -------------------------------------------------------------
const MOST_STEPS = 200, TOGETHER = 900;                       // milliseconds between presses of one step
const done = [], undone = [];
let held = null;                                              // the gesture under way: {tag, at, saved}

function snapshot() { return copy({...state, notes}); }
function remember() {
  held = null;
  done.push(snapshot());
  if (done.length > MOST_STEPS) done.shift();
  undone.length = 0;
  showSteps();
}
function once(act) { remember(); act(); }
// A drag, or presses of a key on one latent: remembered at its first move.
function gesture(tag, byKey = false) {
  const now = performance.now();
  if (!tag) { held = {tag: null, at: now}; return; }
  const goesOn = held && held.tag === tag && (!held.byKey || now - held.at < TOGETHER);
  if (!goesOn) { remember(); held = {tag, byKey}; }
  held.at = now;
}
function endGesture() { if (held && !held.byKey) held = null; }
function travel(from, to, verb) {
  stopAnimation();
  const past = from.pop();
  if (!past) return say(`There is nothing to ${verb}.`);
  held = null;
  to.push(snapshot());
  restore(past);
  showSteps();
  say(verb === 'undo' ? 'Undone.' : 'Done again.');
}
function undo() { travel(done, undone, 'undo'); }
function redo() { travel(undone, done, 'redo'); }
function restore(past) {
  turn++;
  const {notes: said, ...rest} = copy(past);
  Object.assign(state, rest);
  Object.assign(notes, said);
  names.forEach(showAll);
  showModels(state.shown);
  showSharp();
}
function showSteps() {
  bar.undo.setAttribute('aria-disabled', String(!done.length));   // not disabled: it would lose the focus
  bar.redo.setAttribute('aria-disabled', String(!undone.length));
}
