// ---- from a code to a picture ----------------------------------------------------------------
const screens = {};                                           // each model's canvas
const wanted = new Set();                                     // models whose codes changed
let silent = false;                                           // the server, when last asked
const wish = newestWins(props.in_flight, askFrame, draw, () => {
  say('The server does not answer; the picture is not up to date.', true);
  silent = true;
  state.shown.forEach(name => wanted.add(name));              // for the next try
});
function want(which) {
  const shown = which.filter(n => state.shown.includes(n));
  shown.forEach(n => wanted.add(n));
  if (shown.length) wish();
  rest();
}
function askFrame() {
  const asked = wanted.size ? [...wanted] : state.shown;      // a retry may find nothing left
  const codes = Object.fromEntries(asked.map(name => [name, state.codes[name].slice()]));
  wanted.clear();
  return server.frame({codes, output: state.output, seed: state.seed});
}
async function draw(answer, newer, asked) {
  if (answer.error) return say(answer.error, true);
  const decoded = await Promise.all(Object.entries(answer.pictures).map(
    async ([name, uri]) => [name, await load(uri)]));
  for (const [name, image] of decoded) if (newer(name)) enlarge(image, screens[name]);
  if (silent) { silent = false; say('The server answers again.'); rest(); }
  root.dataset.frames = +(root.dataset.frames ?? 0) + 1;
  root.dispatchEvent(new CustomEvent('drawn', {detail: {asked}}));   // for who measures latency
}

// ---- previews: they change with every move, so they wait until the hand rests -------------------
const REST = 220;                                             // milliseconds
const after = [];                                             // what else is done when the hand rests
let timer = null, stale = false, sheets = 0, wide = false;     // wide: a strip under every slider
function rest() {
  clearTimeout(timer);
  timer = setTimeout(() => { after.forEach(act => act()); drawPreviews(); }, REST);
}
async function drawPreviews() {
  const mine = ++sheets, shown = state.shown.slice();
  const codes = Object.fromEntries(shown.map(n => [n, state.codes[n].slice()]));
  const request = rows => ({codes, output: state.output,
    latents: Object.fromEntries(shown.map(n => [n, rows(n)]))});
  const active = n => activeOf(n).map(l => l.index), lenses = n => [lensOn(n)];
  try {
    await paint(await answered(server.strips(request(lenses))), shown, lenses, mine, drawLens);
    if (mine === sheets)
      await paint(await answered(server.strips({...request(active), ends: !wide})), shown, active, mine, drawRow);
    if (mine !== sheets) return;
    root.dataset.strips = +(root.dataset.strips ?? 0) + 1;
    if (stale && !silent) say('The server answers again.');
    stale = false;
  } catch {
    if (mine !== sheets) return;
    say('The server does not answer; the previews are not up to date.', true);
    stale = true;
    setTimeout(rest, RETRY);
  }
}
async function paint(answer, shown, rows, mine, drawOne) {
  if (answer.error) return say(answer.error, true);
  for (const name of shown) {
    if (!answer.sheets[name]) continue;
    const image = await load(answer.sheets[name]);
    if (mine !== sheets) return;
    rows(name).forEach((index, row) => drawOne(name, index, image, row));
  }
}
function cut(canvas, image, column, row, columns = 1) {
  canvas.getContext('2d').drawImage(image, 64 * column, 64 * row, 64 * columns, 64, 0, 0, 64 * columns, 64);
}
function drawRow(name, index, image, row) {
  const {low, high, strip} = rows[name][index];
  cut(low, image, 0, row);
  cut(high, image, image.width / 64 - 1, row);
  if (wide) cut(strip, image, 0, row, 7);
}
