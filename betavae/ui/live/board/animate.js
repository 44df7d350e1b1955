// ---- animate: one latent to and fro, or all in use in turn ---------------------------------------
const SWING = 4000;                                           // milliseconds to and fro, at speed 1
const stepwise = matchMedia('(prefers-reduced-motion: reduce)'), CALMER = 3;
let playing = null;                                           // {path, at, last, phase}
const player = make('div', {className: 'player', hidden: true});
const which = make('select');
which.setAttribute('aria-label', 'What to animate');
const speed = make('input', {type: 'range', min: -2, max: 2, step: .1, value: 0});
speed.setAttribute('aria-label', 'Speed');
speed.setAttribute('aria-valuetext', '1 times');
const go = button({sign: 'play', words: 'Play', kind: 'go', act: () => playing ? stopAnimation() : startAnimation()});
player.append(make('span', {textContent: 'Animate'}), which, make('label', {className: 'speed'}, make('span', {textContent: 'Speed'}), speed), go,
  button({sign: 'close', kind: 'plain', title: 'Close', act: () => { stopAnimation(); togglePlayer(); bar.animate.focus(); }}));
speed.addEventListener('input', () => {
  speed.style.setProperty('--at', `${(+speed.value + 2) / 4 * 100}%`);
  speed.setAttribute('aria-valuetext', `${(2 ** speed.value).toFixed(1)} times`);
});

function togglePlayer() {
  player.hidden = !player.hidden;
  bar.animate.setAttribute('aria-expanded', String(!player.hidden));
  if (player.hidden) return stopAnimation();
  fillWhich();
}
function fillWhich() {
  const one = aimed(), latent = latentOf(one.model, one.latent);
  const before = which.value;
  which.replaceChildren(
    make('option', {value: 'one', textContent: `${noun(one.model, latent)}, by ${models[one.model].title}`}),
    ...state.shown.map(n => make('option', {value: n, textContent: `all in turn, by ${models[n].title}`})));
  which.value = [...which.options].some(o => o.value === before) ? before : 'one';
}
function aimed() { return hand ?? {model: state.shown.at(-1), latent: lensOn(state.shown.at(-1))}; }
// What is to move: [model, latents].
function aim() {
  const one = aimed();
  return which.value && which.value !== 'one' && state.shown.includes(which.value)
    ? [which.value, activeOf(which.value).map(l => l.index).filter(k => !locked(which.value, k))] : [one.model, [one.latent]];
}
function startAnimation() {
  const [name, path] = aim();
  if (!path.length) return say('Every slider in use is locked.', true);
  remember();
  playing = {name, path, at: 0, last: performance.now(), phase: 0, begun: null};
  sign(go, 'pause');
  go.querySelector('span').textContent = 'Pause';
  requestAnimationFrame(swing);
}
function stopAnimation() {
  if (!playing) return;
  playing = null;
  sign(go, 'play');
  go.querySelector('span').textContent = 'Play';
  rest();
}
// A pendulum from where the latent is, up to 3, down to -3 and back; with reduced motion in seven
// steps, one a second.
function swing(now) {
  if (!playing) return;
  const p = playing, latent = p.path[p.at % p.path.length];
  if (!state.shown.includes(p.name)) return stopAnimation();
  p.phase += Math.min(100, now - p.last) / (stepwise.matches ? SWING * CALMER : SWING) * 2 ** +speed.value;
  p.last = now;
  p.begun ??= state.codes[p.name][latent];
  if (p.phase >= 1 && p.path.length > 1) {                    // the next one, from where this one began
    setQuietly(p.name, latent, p.begun);
    Object.assign(p, {at: p.at + 1, phase: 0, begun: null});
  } else {
    const angle = Math.asin(clamp(p.begun) / HIGH) + 2 * Math.PI * (p.phase % 1);
    const value = HIGH * Math.sin(angle);
    setQuietly(p.name, latent, stepwise.matches ? Math.round(value) : rounded(value));
  }
  requestAnimationFrame(swing);
}
function setQuietly(name, index, value) {                     // no picture is asked for where nothing moved
  if (value === state.codes[name][index]) return;
  peeked[name] = null;
  if (touched[name] !== index) { touched[name] = index; lookSoon(name); }
  move(name, index, value);
  placeMark(name);
}
