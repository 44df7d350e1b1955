// ---- β in the comparison: the same dial, above the rows of a model of every β ----------------------
Object.assign(state, {held: false, draws: false, seed: 1,
  betas: Object.fromEntries(props.models.filter(m => m.dial).map(m => [m.name, m.dial.beta]))});
const desk = {
  follow() {
    state.rows.forEach((_, k) => showRow(k));
    previewSoon();
  },
  want: name => decode([name]),
  show: name => showDial(name),
  drawn() {},
};
// The dial of a model, made when it is first shown.
function dialOf(name) {
  const turn = beta => turnTo(name, beta);
  return (dials[name] ?? buildDial(name, {turn, again: () => turn(state.betas[name]), press() {}, move() {}, release() {}})).box;
}
function showDial(name) {
  if (!isDial(name)) return;
  const found = drawDial(name);
  const today = {psnr: `${found.mean.toFixed(2)} dB`, kl: `${found.kl.toFixed(1)} nats`, active: `${found.active} of ${found.kls.length}`};
  for (const key in today) if (numbers[name][key]) numbers[name][key].textContent = today[key];
  for (const cell of list.querySelectorAll('.cell'))
    if (cell.dataset.model === name) cell.classList.toggle('silent', found.kls[cell.dataset.latent] < SILENT);
  showHand(over);
}
