// ---- a slider a latent -----------------------------------------------------------------------
const rows = Object.fromEntries(names.map(n => [n, {}]));     // the DOM of each latent
const STEPS = {ArrowRight: .1, ArrowLeft: -.1, PageUp: 1, PageDown: -1};

function buildRow(model, latent) {
  const name = model.name, index = latent.index, id = `${element.id || 'board'}-${name}-${index}`;
  const range = make('input', {type: 'range', min: LOW, max: HIGH, step: .01, value: 0, id});
  range.dataset.model = name;
  range.dataset.latent = index;
  // One stop a latent: what else is in its row is reached from it by keys.
  const number = make('input', {type: 'number', min: LOW, max: HIGH, step: .1, value: '0.00', tabIndex: -1});
  const lock = button({sign: 'open', kind: 'lock', title: 'Lock: random and reset leave it', act: () => toggleLock(name, index)});
  const arrow = button({sign: 'reset', kind: 'arrow', title: 'Back to where you started',
    act: () => once(() => move(name, index, rounded(state.start[name][index])))});
  const label = make('label', {htmlFor: id}, make('b'), make('small'));
  const thumb = (at, side) => {
    const picture = make('i', {className: `thumb ${side}`, title: `From here to ${at}`});
    picture.setAttribute('aria-hidden', 'true');
    picture.addEventListener('click', () => { touch(name, index); once(() => move(name, index, at)); });
    return picture;
  };
  const entry = {range, number, label, lock, arrow, low: thumb(LOW, 'low'), high: thumb(HIGH, 'high')};
  lock.tabIndex = arrow.tabIndex = -1;
  const box = make('div', {className: 'latent'}, lock, label, entry.low, range, entry.high, number, arrow);
  if (latent.active) {
    box.append(buildStrip('i', () => [name, index]));
    box.style.setProperty('--row', activeOf(name).indexOf(latent));
  } else box.classList.add('idle');
  entry.box = box;
  rows[name][index] = entry;
  listen(entry, name, latent);
  rename(name, latent);
  return box;
}
// Seven frames; a click goes to one of them.
function buildStrip(tag, whose) {
  const strip = make(tag, {className: 'strip', width: 7 * 64, height: 64, title: 'From −3 to 3; click to go there'});
  strip.setAttribute('aria-hidden', 'true');
  strip.addEventListener('click', event => {
    const [name, index] = whose();
    once(() => move(name, index, clamp(Math.floor(event.offsetX / strip.clientWidth * 7) + LOW)));
  });
  return strip;
}
function listen({range, number, box}, name, latent) {
  const index = latent.index;
  range.addEventListener('pointerdown', () => gesture());     // a drag is one step of undo
  range.addEventListener('input', () => { touch(name, index); gesture(`${name} ${index}`); move(name, index, +range.value); });
  range.addEventListener('change', () => endGesture());
  range.addEventListener('focus', () => touch(name, index));
  range.addEventListener('keydown', event => keyOnRow(event, name, index));
  number.addEventListener('change', () => {
    if (number.value !== '' && isFinite(+number.value)) once(() => move(name, index, rounded(clamp(+number.value))));
    number.value = state.codes[name][index].toFixed(2);       // also while it has the focus
  });
  number.addEventListener('keydown', event => {
    if (event.key === 'Escape' || event.key === 'Enter') setTimeout(() => range.focus());
  });
  box.addEventListener('pointerenter', event => { if (event.pointerType === 'mouse' && !event.buttons) peek(name, index); });
  box.addEventListener('pointerleave', () => peek(name, null));
}
function rename(name, latent) {
  const {label, range, number, lock, arrow} = rows[name][latent.index];
  const [noun_, small] = label.children;
  noun_.textContent = noun(name, latent);
  small.textContent = ends(name, latent);
  label.title = `${called(name, latent)}\n${details(name, latent)}`;
  range.setAttribute('aria-label', called(name, latent).replace('↔', 'to'));
  number.setAttribute('aria-label', `Value of ${noun(name, latent)}`);
  lock.setAttribute('aria-label', `Lock ${noun(name, latent)}`);
  arrow.setAttribute('aria-label', `Reset ${noun(name, latent)}`);
  show(name, latent.index);
}
function show(name, index) {                                  // the controls follow the code
  const {range, number} = rows[name][index], value = state.codes[name][index];
  range.value = value;
  if (document.activeElement !== number) number.value = value.toFixed(2);
  range.style.setProperty('--at', `${(clamp(value) - LOW) / (HIGH - LOW) * 100}%`);
  range.setAttribute('aria-valuetext', spoken(name, latentOf(name, index), value));
}
function showLock(name, index) {
  const {lock, box} = rows[name][index], on = locked(name, index);
  sign(lock, on ? 'lock' : 'open');
  lock.setAttribute('aria-pressed', String(on));
  box.classList.toggle('locked', on);
}
function showAll(name) {
  for (const latent of models[name].latents) { rename(name, latent); showLock(name, latent.index); }
}
function toggleLock(name, index) {
  remember();
  const kept = state.locks[name];
  state.locks[name] = kept.includes(index) ? kept.filter(k => k !== index) : [...kept, index];
  showLock(name, index);
  say(`${noun(name, latentOf(name, index))}: ${locked(name, index) ? 'locked; random and reset leave it' : 'free again'}.`);
  rest();
}
function move(name, index, value) {
  turn++;
  moved();
  state.codes[name][index] = value;
  show(name, index);
  want([name]);
}
function keyOnRow(event, name, index) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const by = STEPS[event.key] * (event.shiftKey && event.key.startsWith('Arrow') ? .1 : 1);
  const to = {Home: LOW, End: HIGH}[event.key] ?? (by ? rounded(clamp(state.codes[name][index] + by)) : null);
  const act = {
    ArrowUp: () => step(name, index, -1), ArrowDown: () => step(name, index, 1),
    l: () => toggleLock(name, index), Enter: () => rows[name][index].number.select(),
    Delete: () => rows[name][index].arrow.click(), Backspace: () => rows[name][index].arrow.click(),
  }[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (to === null && !act) return;
  event.preventDefault();
  if (act) return act();
  gesture(`${name} ${index}`, true);                          // presses in a row are one step, too
  move(name, index, to);
}
function step(name, index, by) {                              // to the next latent that is to be seen
  const reachable = models[name].latents.filter(l => rows[name][l.index].range.offsetParent);
  const next = reachable[reachable.findIndex(l => l.index === index) + by];
  if (next) rows[name][next.index].range.focus();
}
