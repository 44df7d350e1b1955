// ---- pictures, captions, and the lens on the latent under the hand -----------------------------
const stage = make('div', {className: 'stage'});
const status = make('p', {className: 'status'});
status.setAttribute('role', 'status');
const sides = make('div', {className: 'sides', role: 'group'});   // on a phone: whose sliders are below
sides.setAttribute('aria-label', 'Whose sliders');
const panels = make('div', {className: 'panels'});
const figures = {}, sections = {}, lenses = {}, choosers = {};    // of each model
const peeked = {}, touched = {};                              // the latent under the mouse, and the one last used
const pickers = [picker('model', 'Model'), picker('beside', 'Compare with')];

function buildModel(model) {
  const screen = screens[model.name] = make('canvas', {width: SIZE, height: SIZE});
  screen.setAttribute('role', 'img');
  screen.setAttribute('aria-label', `A picture by ${model.title}`);  // until it is drawn
  screen.dataset.model = model.name;
  screen.addEventListener('click', () => choosePanel(model.name));
  const count = activeOf(model.name).length;
  const lens = lenses[model.name] = buildLens(model);
  figures[model.name] = make('figure', {}, screen, make('figcaption', {},
    make('div', {className: 'picks'}),
    make('p', {className: 'count'}, `${count} of ${model.latents.length} sliders in use`, sharpTag(model.name)), buildSpectrum(model), lens.box));
  const section = sections[model.name] = make('section', {className: 'panel'},
    make('h2', {className: 'unseen', textContent: `Latents of ${model.title}`}),
    make('div', {className: 'sliders'}, ...activeOf(model.name).map(l => buildRow(model, l))));
  section.dataset.sheet = model.name;
  section.style.setProperty('--rows', count);
  section.setAttribute('aria-label', `Latents of ${model.title}`);
  const folded = model.latents.filter(l => !l.active);
  if (folded.length) {
    const words = folded.length > 1 ? `${folded.length} unused sliders (they change nothing)` : 'One unused slider (it changes nothing)';
    section.append(make('details', {}, make('summary', {textContent: words}),
      make('div', {className: 'sliders'}, ...folded.map(l => buildRow(model, l)))));
  }
  choosers[model.name] = button({words: model.title, act: () => choosePanel(model.name)});
  choosers[model.name].setAttribute('aria-label', `Sliders of ${model.title}`);
}
function buildLens(model) {
  const title = make('b'), between = make('span'), small = make('small');
  const mark = make('i');
  const strip = buildStrip('canvas', () => [model.name, lensOn(model.name)]);
  const edit = button({sign: 'pencil', kind: 'plain', title: 'Give it a name of your own', act: () => askName(model.name)});
  const box = make('div', {className: 'lens'}, make('small', {className: 'over', textContent: 'The slider in hand, from −3 to 3'}), make('p', {}, title, ' ', between, edit),
    make('div', {className: 'frames'}, strip, mark), small);
  return {box, title, between, small, strip, mark, edit};
}
// Which latent the lens is on: under the mouse, else last used, else the first.
function lensOn(name) { return peeked[name] ?? touched[name] ?? models[name].latents[0].index; }
function showLens(name) {
  const index = lensOn(name), latent = latentOf(name, index), lens = lenses[name];
  lens.title.textContent = noun(name, latent);
  lens.between.textContent = ends(name, latent);
  lens.small.textContent = details(name, latent);
  lens.edit.setAttribute('aria-label', `Rename ${noun(name, latent)}`);
  placeMark(name);
  showSpectrum(name);
  for (const k in rows[name]) rows[name][k].box.classList.toggle('held', +k === index);
}
function placeMark(name) {
  const value = clamp(state.codes[name][lensOn(name)]);
  lenses[name].mark.style.transform = `translateX(${(value - LOW + .5) / 7 * 100}%)`;
}
function touch(name, index) {
  hand = {model: name, latent: index};
  if (touched[name] === index && peeked[name] == null) { placeMark(name); return; }
  touched[name] = index;
  peeked[name] = null;
  lookSoon(name);
}
function peek(name, index) {
  if ((peeked[name] ?? null) === index) return;
  peeked[name] = index;
  lookSoon(name);
}
// What the hand does goes first.
let looking = {};
function lookSoon(name) {
  showLens(name);
  clearTimeout(looking[name]);
  looking[name] = setTimeout(() => { looked.add(name); look(); }, 70);
}
function drawLens(name, index, image) {
  if (lensOn(name) === index) lenses[name].strip.getContext('2d').drawImage(image, 0, 0);
  image.close();
}
function askName(name) {
  const index = lensOn(name), latent = latentOf(name, index), lens = lenses[name];
  const field = make('input', {type: 'text', className: 'naming', maxLength: 40, value: noun(name, latent)});
  field.setAttribute('aria-label', `A name for ${noun(name, latent)}; empty for its own`);
  let over = false;
  const finish = keep => {
    if (over) return;
    over = true;
    field.replaceWith(lens.title);
    const text = field.value.trim();
    if (keep && text !== noun(name, latent)) once(() => {
      if (text && text !== latent.noun) state.named[name][index] = text;
      else delete state.named[name][index];
    });
    rename(name, latent);
    showLens(name);
    rest();
  };
  field.addEventListener('blur', () => finish(true));
  field.addEventListener('keydown', event => {
    event.stopPropagation();
    if (event.key !== 'Enter' && event.key !== 'Escape') return;
    finish(event.key === 'Enter');
    lens.edit.focus();
  });
  lens.title.replaceWith(field);
  field.select();
}
function say(text, wrong = false) {
  status.textContent = text ?? '';
  status.classList.toggle('wrong', wrong);
}

// ---- which models ------------------------------------------------------------------------------
function picker(id, label) {
  const select = make('select', {id});
  select.setAttribute('aria-label', label);
  return select;
}
function fillPicker(place) {
  const groups = props.families.map(group => {
    const node = make('optgroup', {label: group.title});
    for (const name of names.filter(n => familyOf(n) === group.name))
      node.append(make('option', {value: name, textContent: models[name].title}));
    return node;
  });
  const own = groups.filter(node => place === 0 || [...node.children].some(o => familyOf(o.value) === family()));
  const none = place === 1 ? [make('option', {value: '', textContent: state.shown.length > 1 ? 'none' : 'Compare with …'})] : [];
  pickers[place].replaceChildren(...none, ...own);
  pickers[place].value = state.shown[place] ?? '';
}
function pick(place) {
  const chosen = pickers[place].value, other = state.shown[1 - place];
  const beside = familyOf(other) === familyOf(chosen) ? other : names.find(n => familyOf(n) === familyOf(chosen) && n !== chosen);
  const pair = chosen === other ? state.shown.slice().reverse()
    : place === 0 ? [chosen, state.shown.length > 1 ? beside : null] : [other, chosen];
  once(() => showModels(pair.filter(Boolean)));
  pickers[place].focus();
}
pickers.forEach((select, place) => select.addEventListener('change', () => pick(place)));

function showModels(which) {
  state.shown = [...new Set(which)].filter(n => n in models);
  root.dataset.count = state.shown.length;
  stage.replaceChildren(...state.shown.map(n => figures[n]));
  panels.replaceChildren(...state.shown.map(n => sections[n]));
  sides.replaceChildren(...state.shown.map(n => choosers[n]));
  state.shown.forEach((name, place) => {
    fillPicker(place);
    sections[name].id = `sliders-${place}`;
    figures[name].querySelector('.picks').replaceChildren(pickers[place]);
    showLens(name);
    showDial(name);
  });
  if (state.shown.length === 1) {
    fillPicker(1);
    figures[state.shown[0]].querySelector('.picks').append(pickers[1]);
  }
  if (!state.shown.includes(hand?.model)) hand = null;
  choosePanel(state.shown.at(-1));
  showWords();
  showSharp();
  say(notes[family()]);
  want(state.shown);
}
function showFamily(name) {
  if (name !== family()) once(() => showModels(props.families.find(f => f.name === name).pair));
}
// On a narrow screen there is room for one model's sliders.
function choosePanel(name) {
  for (const other of names) {
    sections[other].classList.toggle('chosen', other === name);
    figures[other].classList.toggle('chosen', other === name);
    choosers[other].setAttribute('aria-pressed', String(other === name));
  }
}
// What a picture is, for who cannot see it; said anew when the hand rests.
function describePictures() {
  for (const name of state.shown) {
    const far = activeOf(name).map(l => [l, state.codes[name][l.index]])
      .sort((a, b) => Math.abs(b[1]) - Math.abs(a[1])).slice(0, 3)
      .map(([l, value]) => `${noun(name, l)} ${spoken(name, l, value)}`);
    screens[name].setAttribute('aria-label', `The ${word()} that ${models[name].title} makes. Farthest from the middle: ${far.join('; ')}.`);
  }
}
after.push(describePictures);
