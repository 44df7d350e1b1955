// ---- matched pairs: one slider moves the partners -------------------------------------------------
const STEPS = {ArrowRight: .1, ArrowLeft: -.1, PageUp: 1, PageDown: -1};
const pairs = make('div', {className: 'pairs-live', id: 'matched'});
const list = make('div', {className: 'rows'});
const above = make('p', {className: 'reading'});
const screens = {}, details = {}, columns = {}, numbers = {}; // of each model
let ranges = [], laidOut = '', over = 0, timer = null;

function column(name) {
  const model = models[name];
  const screen = screens[name] = make('canvas', {width: SIZE, height: SIZE});
  screen.setAttribute('role', 'img');
  screen.setAttribute('aria-label', `A picture by ${model.title}`);  // until it is drawn
  screen.dataset.model = name;
  details[name] = make('p', {className: 'detail'});
  numbers[name] = Object.fromEntries(model.numbers.map(([key, , value]) => [key, make('dd', {textContent: value})]));
  const table = model.numbers.flatMap(([key, title]) => [make('dt', {textContent: title}), numbers[name][key]]);
  return make('figure', {}, screen, make('figcaption', {}, make('h3', {textContent: model.title}), make('dl', {}, ...table), details[name]));
}
// The model whose latents the rows begin with: it has fewest in use.
function base() { return state.shown.find(n => state.rows[0][n][1] === 1) ?? state.shown[0]; }
function way(row, name) { return row[name][1] < 0 ? -1 : 1; }

function showPairs(answer) {
  state.rows = answer.rows;
  const layout = state.shown.join();
  if (layout !== laidOut) layOut(answer);
  laidOut = layout;
  showHand(Math.min(over, state.rows.length - 1));
  state.rows.forEach((_, k) => showRow(k));
  state.shown.forEach(showDial);
  const turning = arrive(state.shown);
  decode(state.shown.filter(name => !turning.includes(name)));
}
function layOut(answer) {
  over = 0;
  for (const name of state.shown) columns[name] ??= column(name);
  ranges = [];
  list.replaceChildren(...state.rows.map(buildRow));
  const wide = state.shown.length > 1 ? ` Each row is a latent of ${models[base()].title} with the one that correlates most with it, over ${answer.pictures.toLocaleString('en')} pictures that the models were not trained on. One slider moves them together.` : '';
  above.textContent = `What changes when one slider moves.${wide}`;
  pairs.dataset.count = state.shown.length;
  pairs.replaceChildren(make('h2', {className: 'unseen', textContent: 'Matched latents'}), above, ...state.shown.map((name, place) => {
    columns[name].style.gridArea = `m${place}`;
    return columns[name];
  }), make('div', {className: 'dials'}, ...state.shown.filter(isDial).map(dialOf)), list);
}
function buildRow(row, k) {
  const own = latentOf(base(), row[base()][0]), id = `${element.id}-pair-${k}`;
  const range = make('input', {type: 'range', min: LOW, max: HIGH, step: .01, id});
  range.dataset.row = k;
  const others = state.shown.filter(n => n !== base());
  range.setAttribute('aria-label', `${called(own).replace('↔', 'to')}, by ${models[base()].title}`
    + others.map(n => `; with ${latentOf(n, row[n][0]).noun} of ${models[n].title}, correlation ${row[n][1].toFixed(2)}`).join(''));
  range.addEventListener('input', () => { showHand(k); moveRow(k, +range.value); });
  range.addEventListener('focus', () => showHand(k));
  range.addEventListener('keydown', event => keyOnPair(event, k));
  const value = make('output');
  const box = make('div', {className: 'pair'});
  const links = others.map(n => make('small', {textContent: `correlation ${row[n][1] < 0 ? '−' : ''}${Math.abs(row[n][1]).toFixed(2)}`}));
  box.append(make('div', {className: 'hand'}, ...(state.shown.length < 3 ? links : []), range, value),
    ...state.shown.map((n, place) => buildCell(row, n, k, place)));
  box.addEventListener('pointerenter', event => { if (event.pointerType === 'mouse' && !event.buttons) showHand(k); });
  ranges[k] = {range, value, box};
  return box;
}
function buildCell(row, name, k, place) {
  const latent = latentOf(name, row[name][0]), strip = make('i', {className: 'strip'}), mark = make('i', {className: 'mark'});
  strip.addEventListener('click', event => moveRow(k, clamp(Math.floor(event.offsetX / strip.clientWidth * 7) + LOW)));
  const link = state.shown.length > 2 && name !== base() ? `, ${row[name][1].toFixed(2)}` : '';
  const cell = make('div', {className: 'cell'}, make('p', {}, make('b', {textContent: latent.noun}), ' ', make('small', {textContent: ends(latent, way(row, name)) + link})),
    make('div', {className: 'frames'}, strip, mark));
  cell.dataset.model = name;
  cell.dataset.latent = latent.index;
  cell.style.setProperty('--row', k);
  cell.style.order = place;
  return cell;
}
function showRow(k) {
  const row = state.rows[k], {range, value, box} = ranges[k], at = state.codes[base()][row[base()][0]];
  range.value = at;
  value.textContent = decimals(at);
  range.style.setProperty('--at', `${(clamp(at) - LOW) / (HIGH - LOW) * 100}%`);
  const latent = latentOf(base(), row[base()][0]), toward = at > .005 ? latent.high : at < -.005 ? latent.low : '';
  range.setAttribute('aria-valuetext', toward ? `${at.toFixed(2)}, towards ${toward}` : at.toFixed(2));
  box.querySelectorAll('.cell').forEach(cell => {
    const name = cell.dataset.model, there = clamp(state.codes[name][row[name][0]] * way(row, name));
    cell.querySelector('.mark').style.transform = `translateX(${(there - LOW + .5) / 7 * 100}%)`;
  });
}
// Which pair is in hand: what is known of it stands under the pictures.
function showHand(k) {
  over = k;
  ranges.forEach(({box}, other) => box.classList.toggle('held', other === k));
  for (const name of state.shown) {
    const [index, r] = state.rows[k][name], latent = latentOf(name, index);
    const told = latent.tells ? `tells ${latent.tells}` : latent.tracks ? `tracks ${latent.tracks}` : 'tracks nothing';
    const link = name === base() ? '' : ` · correlation ${r.toFixed(2)}${r < 0 ? ', so it goes the other way' : ''}`;
    details[name].replaceChildren(make('b', {textContent: called(latent)}), make('span', {className: 'kl'}, make('i')), `z${index} · ${klOf(name, latent).toFixed(2)} nats${link} · ${told}`.replace(/-(?=\d)/g, '−').replace(/ %/g, '\u00a0%'));
    const most = Math.max(...models[name].latents.map(l => l.kl)) || 1;
    details[name].querySelector('.kl i').style.width = `${klOf(name, latent) / most * 100}%`;
  }
}
// Every partner to the same place; where they run against each other, to the opposite one.
function moveRow(k, value) {
  const row = state.rows[k];
  for (const name of state.shown) state.codes[name][row[name][0]] = value * way(row, name);
  state.rows.forEach((_, other) => showRow(other));           // a partner may be in two rows
  decode();
}
function putBack() {
  state.codes = JSON.parse(JSON.stringify(state.start));
  state.rows.forEach((_, k) => showRow(k));
  const turning = arrive(state.shown);
  decode(state.shown.filter(name => !turning.includes(name)));
}
function keyOnPair(event, k) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const next = {ArrowUp: k - 1, ArrowDown: k + 1}[event.key];
  const by = STEPS[event.key] * (event.shiftKey && event.key.startsWith('Arrow') ? .1 : 1);
  const at = state.codes[base()][state.rows[k][base()][0]];
  const to = {Home: LOW, End: HIGH}[event.key] ?? (by ? Math.round(clamp(at + by) * 100) / 100 : null);
  if (next === undefined && to === null) return;
  event.preventDefault();
  if (to === null) ranges[next]?.range.focus();
  else moveRow(k, to);
}

// ---- pictures and strips: the newest wish wins ----------------------------------------------------
function decode(which = state.shown) {
  which.forEach(name => wanted.add(name));
  if (which.length) wish();
  previewSoon();
}
function previewSoon() {
  clearTimeout(timer);
  timer = setTimeout(() => { describe(); stripsSoon(); }, REST);
}
const wanted = new Set();                                     // models whose codes changed
const codes = (of = state.shown) => Object.fromEntries(of.map(n => [n, state.codes[n].slice()]));
function askFrame() {
  const asked = state.shown.filter(n => wanted.has(n) || !wanted.size);
  wanted.clear();
  return server.frame({codes: codes(asked), output: 'mean', betas: betasOf(asked)});
}
const wish = newestWins(props.in_flight, askFrame, async (answer, newer) => {
  if (answer.error) return say(answer.error);
  const decoded = await Promise.all(Object.entries(answer.pictures).map(async ([name, uri]) => [name, await load(uri)]));
  for (const [name, image] of decoded) if (newer(name)) enlarge(image, screens[name]);
  root.dataset.frames = +(root.dataset.frames ?? 0) + 1;
}, () => {
  state.shown.forEach(name => wanted.add(name));              // for the next try
  say('The server does not answer; the pictures are not up to date.');
});
const stripsSoon = newestWins(1, () => {
  const rows = Object.fromEntries(state.shown.map(n => [n, state.rows.map(row => [row[n][0], way(row, n)])]));
  return server.sheets({codes: codes(), rows, betas: betasOf(state.shown)});
}, async (answer, newer) => {
  if (answer.error) return say(answer.error);
  for (const name of Object.keys(answer.sheets)) if (newer(name)) await hang(name, answer.sheets[name]);
  say('');
  root.dataset.strips = +(root.dataset.strips ?? 0) + 1;
}, () => say('The server does not answer; the strips are not up to date.'));
// The strips are windows on one sheet a model.
async function hang(name, uri) {
  if (!state.shown.includes(name)) return;
  await hangSheet(name, `.cell[data-model="${name}"] .strip`, uri);
  list.style.setProperty('--rows', state.rows.length);
}
function describe() {
  for (const name of state.shown) {
    const [index] = state.rows[over][name], latent = latentOf(name, index);
    screens[name].setAttribute('aria-label', `Picture ${state.first} by ${models[name].title}; ${latent.noun} at ${state.codes[name][index].toFixed(2)}`);
  }
}
