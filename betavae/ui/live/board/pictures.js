// ---- from a code to a picture ----------------------------------------------------------------
const screens = {};                                           // each model's canvas
const wanted = new Set();                                     // models whose codes changed
const coarse = new Set();                                     // models that show a light picture
let silent = false;                                           // the server, when last asked
let fine = false, polish = null;                              // the next picture is to be no light one
const wish = newestWins(props.in_flight, askFrame, draw, () => {
  say('The server does not answer; the picture is not up to date.', true);
  silent = true;
  state.shown.forEach(name => wanted.add(name));              // for the next try
}, () => wait.slow(PICTURE));
function want(which) {
  const shown = which.filter(n => state.shown.includes(n));
  shown.forEach(n => wanted.add(n));
  if (shown.length) wish();
  rest();
}
// Over a slow line the pictures of a drag are light ones; the last one is then asked for once more.
function askFrame() {
  const asked = wanted.size ? [...wanted] : state.shown;      // a retry may find nothing left
  const codes = Object.fromEntries(asked.map(name => [name, state.codes[name].slice()]));
  const light = wish.slow() && !fine;
  wanted.clear();
  fine = false;
  return server.frame({codes, output: state.output, seed: state.seed, betas: betasOf(asked), details: detailsOf(asked), light});
}
async function draw(answer, newer, asked) {
  if (answer.error) return say(answer.error, true);
  const decoded = await Promise.all(Object.entries(answer.pictures).map(
    async ([name, uri]) => [name, await load(uri)]));
  for (const [name, image] of decoded) if (newer(name)) {
    enlarge(image, screens[name]);
    if (answer.light) coarse.add(name); else coarse.delete(name);
  }
  clearTimeout(polish);
  if (coarse.size) polish = setTimeout(refine, REST);
  if (silent) { silent = false; say('The server answers again.'); rest(); }
  wait.over(PICTURE);
  root.dataset.frames = +(root.dataset.frames ?? 0) + 1;
  root.dispatchEvent(new CustomEvent('drawn', {detail: {asked}}));   // for who measures latency
}
function refine() {
  const shown = state.shown.filter(n => coarse.has(n));
  shown.forEach(n => wanted.add(n));
  if (shown.length) { fine = true; wish(); }
}
// What is said while an answer is late, until it comes.
const PICTURE = 'the picture', PREVIEWS = 'the previews', FACE = 'what you asked for';
const wait = {
  late: new Set(), said: '',
  slow(what) { this.late.add(what); this.tell(); },
  over(what) {
    if (!this.late.delete(what) || status.textContent !== this.said) return;
    if (this.late.size) this.tell(); else say(notes[family()]);
  },
  tell() { say(this.said = `The network is slow; ${[...this.late].join(' and ')} will come.`); },
};

// ---- previews: they change with every move, so they wait until the hand rests -------------------
// The strips of the lenses first, then the rows' sheets. Of each at most one question is under way:
// over a slow line a second one would only make both later.
const REST = 220;                                             // milliseconds
const after = [];                                             // what else is done when the hand rests
let timer = null, stale = false, wide = false;                // wide: a strip under every slider
const looked = new Set();                                     // models whose lens shows another strip now
let restful = false;                                          // the rows' sheets are wanted, after the lenses
const look = newestWins(1, askLenses, drawLenses, noPreviews, () => wait.slow(PREVIEWS));
const hangSoon = newestWins(1, askSheets, hangSheets, noPreviews, () => wait.slow(PREVIEWS));
function rest() {
  clearTimeout(timer);
  timer = setTimeout(() => {
    after.forEach(act => act());
    restful = true;
    state.shown.forEach(name => looked.add(name));
    look();
  }, REST);
}
async function strips(names, rows, ends) {
  const codes = Object.fromEntries(names.map(n => [n, state.codes[n].slice()]));
  const latents = Object.fromEntries(names.map(n => [n, rows(n)]));
  const answer = await server.strips({codes, latents, output: state.output, ends, betas: betasOf(names), details: detailsOf(names)});
  return answer && {...answer, codes, latents};
}
function askLenses() {
  const names = state.shown.filter(n => looked.has(n) || !looked.size);
  looked.clear();
  return strips(names, n => [lensOn(n)], false);
}
async function drawLenses(answer) {
  if (answer.error) return say(answer.error, true);
  for (const name in answer.sheets) drawLens(name, answer.latents[name][0], await load(answer.sheets[name]));
  wait.over(PREVIEWS);
  if (restful) { restful = false; hangSoon(); }
}
function askSheets() { return strips(state.shown, n => activeOf(n).map(l => l.index), !wide); }
async function hangSheets(answer) {
  if (answer.error) return say(answer.error, true);
  for (const name in answer.sheets) if (answer.sheets[name]) await hang(name, answer.sheets[name]);
  wait.over(PREVIEWS);
  if (stale && !silent) say('The server answers again.');
  stale = false;
  const current = name => answer.codes[name]?.every((value, k) => value === state.codes[name][k]);
  if (state.shown.every(current)) root.dataset.strips = +(root.dataset.strips ?? 0) + 1;
}
function noPreviews() {
  say('The server does not answer; the previews are not up to date.', true);
  stale = restful = true;
  state.shown.forEach(name => looked.add(name));
}
// The rows' pictures are windows on one sheet a model: eighty canvases would be painted anew with
// every picture of a drag.
async function hang(name, uri) {
  const width = await hangSheet(name, `[data-sheet="${name}"] :is(.thumb, .strip)`, uri);
  sections[name].style.setProperty('--columns', width / 64);
}
