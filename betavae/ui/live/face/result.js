// ---- what the models make of it -----------------------------------------------------------------------
let chosenModel = props.models[0]?.name, every = false;
const message = make('p', {className: 'notice'});
message.setAttribute('role', 'status');
const which = make('select', {id: 'face-model'}, ...props.models.map(m => make('option', {value: m.name, textContent: m.title})));
which.setAttribute('aria-label', 'Reconstructed by');
which.addEventListener('change', () => { chosenModel = which.value; showChosen(); });
const all = button({words: 'All models', act: () => { every = !every; showChosen(); }});
const edit = button({id: 'edit', sign: 'pencil', words: 'Edit in Traverse', kind: 'strong', title: 'Move the sliders of this face', act: () => trigger('submit', {model: chosenModel})});
const light = button({id: 'brighten', act: () => ask(() => ({light: true}))});
const actions = make('div', {className: 'actions'}, edit, which, all, light);
const results = make('div', {className: 'results'});
const reading = make('p', {className: 'reading', textContent: 'What the code says is all that the sliders hold of this face. A second network, the renderer, adds details that it reads from the photo: likely, not certain. The last picture is the difference of what the code says from the original: grey where they agree, lighter where it is too bright, darker where it is too dark. ↑: higher is better.'});
root.append(photo, make('div', {className: 'made'}, make('h2', {className: 'unseen', textContent: 'What the models make of it'}), message, actions, results, reading));

function shown(uri, alt) { return make('img', {src: uri, alt}); }
function captioned(uri, alt, words) { return make('div', {className: 'captioned'}, shown(uri, alt), make('small', {textContent: words})); }
function modelCard(model, made) {
  const latents = made.unusual.map(([noun, where, how]) => make('li', {}, make('b', {textContent: noun}), make('span', {textContent: where}), make('small', {textContent: how})));
  const card = make('figure', {className: 'model'},
    make('div', {className: 'pictures'}, ...made.sharp ? [captioned(made.sharp, `Reconstruction by ${model.title}, sharp`, 'with details')] : [],
      captioned(made.picture, `Reconstruction by ${model.title}`, 'what the code says'), captioned(made.difference, `${model.title}: difference from the original`, 'its difference')),
    make('figcaption', {}, make('b', {textContent: model.title}), make('span', {textContent: made.figures}),
      make('h3', {textContent: 'Most unusual in this face'}), make('ul', {}, ...latents)));
  card.dataset.model = model.name;
  return card;
}
function showChosen() {
  const cards = results.querySelector('.cards');
  which.value = chosenModel;
  all.setAttribute('aria-pressed', String(every));
  if (!cards) return;
  cards.classList.toggle('one', !every);
  cards.querySelectorAll('.model').forEach(card => card.classList.toggle('chosen', card.dataset.model === chosenModel));
}
function obey() {
  const value = JSON.parse(JSON.stringify(props.value ?? {}));
  message.textContent = value.message ?? '';
  message.classList.toggle('wrong', Boolean(value.wrong));
  const made = value.models;
  if (!value.keep) edit.disabled = !made;
  setTimeout(answeredNow);                                    // once all of this is on the page
  if (value.keep) return;                                     // a sentence about what is there
  actions.hidden = !made && !value.failed;
  which.hidden = all.hidden = reading.hidden = !made;
  light.hidden = !value.dark && !value.brightened;
  light.textContent = value.brightened ? 'As it came' : 'Brighten';
  if (value.photo) { picture.src = value.photo; size = value.size; }
  photo.hidden = !made && !value.failed;
  field.hidden = hint.hidden = !made;
  if (!made) { results.replaceChildren(); return; }
  showBoxes(value.boxes, value.chosen);
  if (!value.hand) {                                          // a square of ours may be older than the one on the page
    [square.x, square.y, square.side, square.tilt] = value.square;
    placeSquare();
  }
  const seen = make('figure', {className: 'seen'}, make('div', {className: 'pictures'}, shown(value.crop, 'What the models see')),
    make('figcaption', {}, make('b', {textContent: 'What the models see'}), make('span', {textContent: value.aligned})));
  results.replaceChildren(make('div', {className: 'cards'}, seen, ...props.models.filter(m => made[m.name]).map(m => modelCard(m, made[m.name]))));
  showChosen();
}
watch('value', obey);
obey();
