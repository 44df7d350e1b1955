// ---- the true factors in, codes out -----------------------------------------------------------------
const factorsBox = make('section', {className: 'factors', id: 'factors', hidden: true});
const truth = {factors: props.factors.map(f => f.start), shown: [], moved: null};
const bars = {}, pictures = {}, panels = {}, before = {};     // of each model, by name
let silent = false;                                           // the server, when last asked

function buildFactor(factor, place) {
  const id = `${element.id}-${factor.name}`;
  const range = make('input', {type: 'range', min: 0, max: factor.size - 1, step: 1, value: factor.start, id});
  range.dataset.factor = factor.name;
  const output = make('output', {textContent: factor.values[factor.start]});
  const fill = () => {
    range.style.setProperty('--at', `${range.value / (factor.size - 1) * 100}%`);
    range.setAttribute('aria-valuetext', factor.values[range.value]);
  };
  range.addEventListener('input', () => {
    if (truth.moved !== factor.name) since(factor.name);
    truth.factors[place] = +range.value;
    output.textContent = factor.values[range.value];
    fill();
    answerSoon();
  });
  fill();
  return make('div', {className: 'factor'}, make('label', {htmlFor: id, textContent: factor.name}), output, range);
}

// Another slider is taken: from here on the bars show what that one moves.
function since(name) {
  truth.moved = name;
  for (const model in bars) before[model] = bars[model].map(bar => bar.mean);
  caption.textContent = `In colour: the latents that moved since you began to change ${name}.`;
}

function buildModel(model) {
  pictures[model.name] = make('canvas', {width: SIZE, height: SIZE});
  pictures[model.name].dataset.model = model.name;
  pictures[model.name].setAttribute('role', 'img');
  pictures[model.name].setAttribute('aria-label', `Reconstruction by ${model.title}`);
  bars[model.name] = [];
  const rows = model.latents.map(latent => {
    const fill = make('i'), was = make('u'), number = make('span', {className: 'number'});
    bars[model.name][latent.index] = {fill, was, number, mean: 0};
    const row = make('div', {className: latent.active ? 'bar' : 'bar inactive'},
      make('span', {className: 'name', textContent: latent.tells ? `${latent.noun} · ${latent.tells}` : latent.noun}), make('b', {}, was, fill), number);
    row.dataset.latent = latent.index;
    row.title = `z${latent.index}, ${called(latent)}\nKL ${latent.kl} nats; tracks ${latent.tracks || 'nothing'}`;
    bars[model.name][latent.index].row = row;
    return row;
  });
  panels[model.name] = make('section', {className: 'model'}, make('h3', {textContent: model.title}),
    make('div', {className: 'answer'}, pictures[model.name], make('div', {className: 'bars'}, ...rows)));
  panels[model.name].dataset.model = model.name;
}

function percent(mean) { return 50 + Math.max(-3.5, Math.min(3.5, mean)) / 7 * 100; }
function span(node, one, other) {                             // a transform: nothing is laid out again
  const [low, high] = [Math.min(one, other), Math.max(one, other)].map(percent);
  node.style.transform = `translateX(${low}%) scaleX(${(high - low) / 100})`;
}
function showBars(name, answer) {
  answer.means.forEach((mean, index) => {
    const bar = bars[name][index], start = before[name]?.[index] ?? mean;
    bar.mean = mean;
    span(bar.fill, 0, mean);
    span(bar.was, start, mean);
    bar.row.classList.toggle('moved', Math.abs(mean - start) > .5);
    const text = decimals(mean);
    if (bar.number.textContent !== text) bar.number.textContent = text;
  });
}

const sprite = make('canvas', {width: SIZE, height: SIZE, className: 'sprite'});
sprite.setAttribute('role', 'img');
sprite.setAttribute('aria-label', 'The true picture');
const caption = make('p', {className: 'caption', textContent: 'Drag a factor. In a disentangled code, one bar moves.'});
caption.setAttribute('role', 'status');
const answers = make('div', {className: 'models'});

async function drawFactors(answer, newer, asked) {
  if (answer.error) { caption.textContent = answer.error; return; }
  const names = Object.keys(answer.models);
  const images = await Promise.all([answer.sprite, ...names.map(n => answer.models[n].picture)].map(load));
  if (!newer()) return;
  if (silent) { silent = false; caption.textContent = 'The server answers again.'; }
  enlarge(images[0], sprite);
  names.forEach((name, i) => { enlarge(images[i + 1], pictures[name]); showBars(name, answer.models[name]); });
  factorsBox.dataset.frames = +(factorsBox.dataset.frames ?? 0) + 1;
  factorsBox.dispatchEvent(new CustomEvent('drawn', {detail: {asked}}));
}
const answerSoon = newestWins(props.in_flight,
  () => server.factors({factors: truth.factors.slice(), models: truth.shown.slice()}), drawFactors,
  () => {
    caption.textContent = 'The server does not answer; the bars are not up to date.';
    silent = true;
  });
function showFactors() {
  factorsBox.hidden = !family().factors;
  if (factorsBox.hidden) return;
  if (state.asked.join() === truth.shown.join()) return;
  truth.shown = state.asked.slice();
  truth.moved = null;
  for (const name in before) delete before[name];
  for (const name of truth.shown) if (!panels[name]) buildModel(models[name]);   // of the lab
  answers.replaceChildren(...truth.shown.map(name => panels[name]));
  answerSoon();
}

props.models.filter(m => families[m.family].factors).forEach(buildModel);
factorsBox.append(make('h2', {textContent: 'Change the true factors and watch each code respond'}),
  make('div', {className: 'truth'}, sprite, make('div', {className: 'controls'}, ...props.factors.map(buildFactor), caption)), answers);
