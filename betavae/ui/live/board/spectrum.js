// ---- how much each slider carries: a bar a latent, in the sliders' order -------------------------
// The two models share a scale, so that many small bars stand beside a few large ones.
const spectra = {};
function buildSpectrum(model) {
  const bars = model.latents.map(latent => {
    const bar = make('i', {className: latent.active ? 'active' : ''});
    bar.addEventListener('click', () => { if (latent.active) { choosePanel(model.name); rows[model.name][latent.index].range.focus(); } });
    return bar;
  });
  const most = make('small');
  spectra[model.name] = {bars, most};
  const box = make('div', {className: 'spectrum'}, make('div', {}, ...bars), most);
  box.setAttribute('aria-hidden', 'true');                    // each slider's tip says its KL
  return box;
}
function showSpectrum(name) {
  const {bars, most} = spectra[name], {latents} = models[name];
  const highest = n => Math.max(...models[n].latents.map(l => l.kl));
  const top = Math.max(...state.shown.map(highest), .01);
  most.textContent = `How much each slider carries: KL, up to ${highest(name).toFixed(2)} nats`;
  bars.forEach((bar, place) => {
    bar.style.height = `${latents[place].kl / top * 100}%`;
    bar.title = called(name, latents[place]);
    bar.classList.toggle('held', latents[place].index === lensOn(name));
  });
}
