// ---- the link: the state in the address ----------------------------------------------------------
const SPACES = 'https://huggingface.co';                      // whose page holds a Space's frame
const PLACES = ['', '2'];                                     // of the left model's keys and the right one's
const OWN = /^(model|code|lock|name|beta|details|picture|tab)\d*(\.|$)/;
const NAME_LENGTH = 40;
const DETAILS = /^(none|[ft]\d{1,5}|p[\w-]{4,4000}={0,2})$/;     // as serving/details.py has them
let linked = false;                                           // the address holds the state

function openTab() { return document.querySelector('[role=tab][aria-selected=true]')?.dataset.tabId; }
function query() {
  const entries = [];
  state.shown.forEach((name, place) => {
    const key = PLACES[place];
    entries.push([`model${key}`, name], [`code${key}`, state.codes[name].map(v => Math.round(v * 100)).join('_')]);
    if (state.locks[name].length) entries.push([`lock${key}`, state.locks[name].join('_')]);
    if (isDial(name)) entries.push([`beta${key}`, +state.betas[name].toPrecision(4)]);
    if (isSharp(name)) entries.push([`details${key}`, detailsOf([name])[name]]);
    for (const k in state.named[name]) entries.push([`name${key}.${k}`, state.named[name][k]]);
  });
  if (state.output !== 'mean') entries.push(['picture', state.output]);
  const tab = openTab();
  if (tab && tab !== 'traverse') entries.push(['tab', tab]);
  return entries;
}
// The page's own parameters stay; those of a Space (__theme, __sign) are not for others.
function address(entries) {
  const url = new URL(location.href);
  for (const key of [...url.searchParams.keys()]) if (OWN.test(key)) url.searchParams.delete(key);
  for (const [key, value] of entries) url.searchParams.set(key, value);
  return url;
}
// The code of a visitor's own face goes into no browser history: only into a link that is asked for.
function writeLink() {
  if (!linked && !done.length) return;
  linked = true;
  const url = address(state.photo[family()] ? [] : query());
  if (url.href === location.href) return;
  history.replaceState(history.state, '', url);
  if (window.parent === window) return;
  for (const key of [...url.searchParams.keys()]) if (key.startsWith('__')) url.searchParams.delete(key);
  window.parent.postMessage({queryString: url.searchParams.toString()}, SPACES);
}
after.push(() => { if (!playing) writeLink(); });

// What a link or a file says of one model -> {code, locks, names, beta, details}; throws a sentence.
function examined(name, code, locks, named, beta, details) {
  const latents = models[name]?.latents.length;
  if (!latents) throw new Error(`it names a model, ${String(name).slice(0, 40)}, that is not served here`);
  if (!Array.isArray(code) || code.length !== latents || !code.every(v => typeof v === 'number' && Math.abs(v) <= FURTHEST))
    throw new Error(`${models[name].title} takes ${latents} numbers between −${FURTHEST} and ${FURTHEST}, and it holds something else`);
  const known = k => Number.isInteger(k) && k >= 0 && k < latents;
  if (!Array.isArray(locks) || !locks.every(known)) throw new Error('it locks a slider that the model does not have');
  const texts = Object.entries(named);
  if (!texts.every(([k, text]) => known(+k) && typeof text === 'string' && text.length <= NAME_LENGTH))
    throw new Error('it names a slider that the model does not have');
  const range = models[name].dial?.betas;
  if (beta != null && range && !(beta >= range[0] && beta <= range[1])) throw new Error(`${models[name].title} has no such β`);
  if (details != null && !(typeof details === 'string' && DETAILS.test(details))) throw new Error('it asks for details that there are not');
  return {details, code: code.map(rounded), locks: [...new Set(locks)], named: Object.fromEntries(texts), beta: range && (beta ?? models[name].dial.beta)};
}
const numbers = text => text.split('_').map(part => /^-?\d{1,4}$/.test(part) ? +part : NaN);
// The address -> {shown, found, output, tab}, null where it says nothing; throws a sentence.
function readLink() {
  const asked = new URLSearchParams(location.search);
  if (![...asked.keys()].some(key => OWN.test(key))) return null;
  const found = {}, shown = [];
  if (asked.has('model') || asked.has('code')) for (const place of PLACES) {
    const name = asked.get(`model${place}`), start = `name${place}.`;
    if (name === null && place) break;
    const named = Object.fromEntries([...asked].filter(([key]) => key.startsWith(start)).map(([key, text]) => [key.slice(start.length), text]));
    const code = numbers(asked.get(`code${place}`) ?? '').map(v => v / 100), locks = asked.get(`lock${place}`);
    const beta = asked.has(`beta${place}`) ? +asked.get(`beta${place}`) : null;
    found[name] = examined(name, code, locks ? numbers(locks) : [], named, beta, asked.get(`details${place}`));
    shown.push(name);
  }
  return {shown: agreed(shown), found, output: pictured(asked.get('picture') ?? 'mean'), tab: asked.get('tab')};
}
function agreed(shown) {
  if (new Set(shown).size !== shown.length || shown.some(n => familyOf(n) !== familyOf(shown[0])))
    throw new Error('it puts two models side by side that do not belong together');
  return shown;
}
function pictured(output) {
  if (!['mean', 'sample', 'sharp'].includes(output)) throw new Error('it asks for a picture that there is not');
  return output;
}
// Put on the board what a link or a file said. The models that it does not show get the same picture.
async function adopt({shown, found, output}, note) {
  turn++;
  for (const name in found) {
    state.codes[name] = found[name].code.slice();
    state.start[name] = found[name].code.slice();
    state.locks[name] = found[name].locks;
    state.named[name] = found[name].named;
    if (isDial(name)) state.betas[name] = found[name].beta;
    state.details[name] = found[name].details ?? NO_DETAILS;
  }
  state.output = output;
  state.detailing = OWN_DETAILS;                              // the words are in the link
  Object.keys(found).forEach(showAll);
  notes[familyOf(shown[0])] = note;
  state.photo[familyOf(shown[0])] = false;
  showModels(shown);
  const mine = turn;
  const answer = await answered(server.same_face({codes: {[shown[0]]: found[shown[0]].code}, betas: betasOf(shown)})).catch(() => null);
  if (!answer?.codes || mine !== turn) return;
  const late = Object.keys(answer.codes).filter(name => !found[name] && place(name, answer.codes[name]));
  const word = found[shown[0]].details ?? NO_DETAILS;
  for (const name of late) state.details[name] = word.startsWith('p') ? NO_DETAILS : word;   // read by one model's renderer
  want(late);                                                 // one of them may have been chosen meanwhile
}
function openLink() {
  try {
    const link = readLink();
    if (!link) return false;
    if (link.tab) document.querySelector(`[role=tab][data-tab-id="${CSS.escape(link.tab)}"]`)?.click();
    if (!link.shown.length) return false;
    linked = true;
    adopt(link, 'From a link: the very picture that was sent.');
    return true;
  } catch (error) {
    damaged = `This link is damaged: ${error.message}. Here is a face to start afresh.`;
    return false;
  }
}
let damaged = '';                                             // said once the fresh face is there

async function copyLink() {
  linked = true;
  writeLink();
  const text = address(query());
  for (const key of [...text.searchParams.keys()]) if (key.startsWith('__')) text.searchParams.delete(key);
  await copyText(text.href, 'The link is copied: whoever opens it sees this very picture.', 'The link to this picture');
}
async function copyText(text, said, title) {
  try {
    await navigator.clipboard.writeText(text);
    say(said);
  } catch {                                                   // not allowed in this page: shown, to copy by hand
    const field = make('textarea', {readOnly: true, value: text, rows: 4});
    field.setAttribute('aria-label', title);
    openDialog(title, field);
    field.select();
  }
}
document.addEventListener('click', event => {                 // another tab is part of the state
  if (event.target.closest?.('[role=tab]')) setTimeout(() => { linked = true; writeLink(); }, 300);
});
