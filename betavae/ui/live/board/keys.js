// ---- keys, and what they do ------------------------------------------------------------------------
const HELP = [
  ['← →', 'a tenth; with Shift a hundredth'], ['Page ↑ ↓', 'one'], ['Home, End', 'to −3, to 3'],
  ['↑ ↓', 'the slider before, the next one'], ['Enter', 'type a number'], ['Delete', 'back to where it started'],
  ['L', 'lock the slider'], ['R', 'random'], ['U, Ctrl+Z', 'undo; Shift+Ctrl+Z redo'], ['K', 'keep a snapshot'],
  ['A', 'animate'], ['D', 'other details'], ['S', 'copy the link'], ['?', 'this list'],
];
const SHORTCUTS = {
  r: () => bar.random.click(), d: () => drawDetails(), u: () => undo(), k: () => keep(), s: () => copyLink(),
  a: () => { if (player.hidden) togglePlayer(); playing ? stopAnimation() : startAnimation(); },
  l: () => { if (hand) toggleLock(hand.model, hand.latent); }, '?': () => help(),
};
document.addEventListener('keydown', event => {
  if (event.defaultPrevented || !root.offsetParent || document.querySelector('dialog[open]')) return;
  const into = event.target.closest?.('input:not([type=range]):not([type=radio]):not([type=checkbox]), textarea, select, [contenteditable=true]');
  if (into) return;
  const key = event.key.toLowerCase();
  if ((event.ctrlKey || event.metaKey) && !event.altKey) {
    if (key !== 'z' && key !== 'y') return;
    event.preventDefault();
    return key === 'y' || event.shiftKey ? redo() : undo();
  }
  if (event.altKey || !SHORTCUTS[key]) return;
  event.preventDefault();
  SHORTCUTS[key]();
});
// The header's links: past everything, to a model's first slider.
document.addEventListener('click', event => {
  const skip = event.target.closest?.('a.skip');
  if (!skip) return;
  event.preventDefault();
  const place = Math.min(+skip.dataset.place, state.shown.length - 1);
  choosePanel(state.shown[place]);
  sections[state.shown[place]].querySelector('input[type=range]').focus();
});

const dialog = make('dialog');
function openDialog(title, ...content) {
  const heading = make('h2', {textContent: title, id: `${element.id || 'board'}-dialog`});
  dialog.setAttribute('aria-labelledby', heading.id);
  const close = button({sign: 'close', kind: 'plain', title: 'Close', act: () => dialog.close()});
  dialog.replaceChildren(make('div', {className: 'top'}, heading, close), ...content);
  dialog.showModal();
}
dialog.addEventListener('click', event => { if (event.target === dialog) dialog.close(); });
function help() {
  const text = (...parts) => make('p', {}, ...parts);
  const strong = words => make('b', {textContent: words});
  openDialog('How to play',
    text(strong('A picture is a handful of numbers, its code.'), ' Each slider is one of them, a latent. Drag one, and watch what it means.'),
    text('The two small pictures of a slider show where it leads from here, to −3 and to 3. A ', strong('disentangled'),
      ' latent changes one thing. The sliders that carry most come first; their names are what they track best over pictures that the model was not trained on, and the tip says how well.'),
    text(strong('Choose a model'), ' on its picture’s caption. ', strong('Lock'), ' what random and reset should leave. ', strong('Keep'),
      ' snapshots and blend between two. The ', strong('link'), ' in the address holds all of it: whoever opens it sees this very picture.'),
    make('h3', {textContent: 'Keys'}),
    make('dl', {}, ...HELP.flatMap(([keys, does]) => [make('dt', {textContent: keys}), make('dd', {textContent: does})])));
}
