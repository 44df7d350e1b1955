// ---- β on the board: a dial in the caption of a model of every β ---------------------------------
state.betas = Object.fromEntries(names.filter(isDial).map(n => [n, models[n].dial.beta]));
state.held = false;                                           // the code stays, and only the decoder turns
state.draws = false;                                          // a draw of q(z|x), not its mean
const desk = {
  follow(name) {
    models[name].latents.forEach(l => show(name, l.index));
    placeMark(name);
    rest();
  },
  want: name => want([name]),
  show: name => showDial(name),
  drawn: asked => root.dispatchEvent(new CustomEvent('drawn', {detail: {asked}})),
};
function turnDial(name, beta) {
  turn++;
  turnTo(name, beta);
  rest();
}
function showDial(name) {
  if (!isDial(name)) return;
  if (!dials[name]) {
    const {box} = buildDial(name, {
      turn: beta => turnDial(name, beta), again: () => turnDial(name, state.betas[name]),
      press: () => gesture(), move: byKey => gesture(`${name} beta`, byKey), release: () => endGesture(),
    });
    figures[name].querySelector('.count').after(box);
  }
  const found = drawDial(name);
  found.kls.forEach((kl, k) => rows[name][k].box.classList.toggle('silent', kl < SILENT));
  figures[name].querySelector('.count').textContent = `${found.active} of ${found.kls.length} sliders in use`;
  showLens(name);
}
