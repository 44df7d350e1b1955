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
  const active = n => activeOf(n).map(l => l.index), looked = request(n => [lensOn(n)]);
  try {
    await paint(await answered(server.strips(looked)), shown, mine,
      async (name, uri) => drawLens(name, looked.latents[name][0], await load(uri)));
    if (mine === sheets)
      await paint(await answered(server.strips({...request(active), ends: !wide})), shown, mine, hang);
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
async function paint(answer, shown, mine, drawOne) {
  if (answer.error) return say(answer.error, true);
  for (const name of shown) {
    if (mine !== sheets) return;
    if (answer.sheets[name]) await drawOne(name, answer.sheets[name]);
  }
}
// The rows' pictures are windows on one sheet a model: eighty canvases would be painted anew with
// every picture of a drag.
const hung = {};                                              // each model's sheet, as an address
async function hang(name, uri) {
  const address = URL.createObjectURL(await (await fetch(uri)).blob());
  const image = await load(address), style = sections[name].style;
  style.setProperty('--sheet', `url("${address}")`);
  style.setProperty('--columns', image.width / 64);
  const before = hung[name];
  hung[name] = address;
  if (before) setTimeout(() => URL.revokeObjectURL(before), RETRY);
}
