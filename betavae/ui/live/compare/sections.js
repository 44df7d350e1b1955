// ---- sections that open: made when they are looked at ----------------------------------------------
const boxes = make('div', {className: 'sections'});
const pairsBox = section('pairs', 'Matched latents: one slider moves both');
let sectionsOf = '';
const open = {};                                              // {name: whether}, kept from data to data

function section(name, heading) {
  const content = make('div', {className: 'content', id: name === 'pairs' ? '' : name});
  const box = make('details', {className: 'opens-below'}, make('summary', {}, make('h2', {textContent: heading})), content);
  box.dataset.section = name;
  return box;
}
function showSections() {
  if (sectionsOf !== state.family) {
    sectionsOf = state.family;
    boxes.replaceChildren(...family().sections.map(([name, heading]) => {
      const box = section(name, heading);
      box.open = Boolean(open[name]);
      box.addEventListener('toggle', () => { open[name] = box.open; if (box.open) fill(box); });
      return box;
    }));
    layPairs();
  }
  for (const box of boxes.children) { box.stale = true; if (box.open) fill(box); }
}
// Where the true factors are known they come first, and the pairs are a section of their own.
function layPairs() {
  if (family().factors) {
    pairsBox.querySelector('.content').append(pairs);
    boxes.before(pairsBox);
    pairsBox.hidden = false;
  } else {
    boxes.before(pairs);
    pairsBox.hidden = true;
  }
}
async function fill(box) {
  if (!box.stale) return;
  box.stale = false;
  const asked = `${state.shown.join()} ${state.first}`, content = box.querySelector('.content');
  content.setAttribute('aria-busy', 'true');
  const answer = await answered(server.section({section: box.dataset.section, models: state.shown.slice(), first: state.first}), 60_000)
    .catch(() => ({error: 'The server does not answer. Close this section and open it again.'}));
  if (asked !== `${state.shown.join()} ${state.first}`) return;
  content.removeAttribute('aria-busy');
  if (answer.error) { box.stale = true; content.replaceChildren(make('p', {className: 'wrong', textContent: answer.error})); }
  else content.innerHTML = answer.html;
}
