// The lab. Gradio runs this once, with `element`, `props`, `server` and `trigger`.
const root = element.querySelector('.lab');
const objectives = Object.fromEntries(props.objectives.map(o => [o.name, o]));

// ---- what is to be trained ---------------------------------------------------------------------------
// A run is {objective, weights}; `weights` keeps those of objectives that are not chosen just now.
const form = {
  runs: [{objective: 'beta-vae', weights: {'beta-vae': {beta: 1}}, falls: false}, {objective: 'beta-vae', weights: {'beta-vae': {beta: 4}}, falls: true}],
  beside: true,                                               // two runs, not one
  keep: null,                                                 // the name of a finished run, shown beside the next one
  data: props.material[0].name,
  ...props.defaults,
};
const changed = [];                                           // what else is done when the form changes
function weightsOf(run) {
  const kept = run.weights[run.objective] ??= {};
  return Object.fromEntries(objectives[run.objective].knobs.map(k => [k.name, kept[k.name] ?? k.start]));
}
function setup() {
  const asked = form.keep ? [form.runs[1]] : form.runs.slice(0, form.beside ? 2 : 1);
  return {
    runs: asked.map(run => ({objective: run.objective, weights: weightsOf(run), falls: falls(run)})),
    data: form.data, latents: form.latents, learning_rate: form.learning_rate, seed: form.seed, seconds: form.seconds,
  };
}
function falls(run) { return run.falls && objectives[run.objective].falls; }
function tidy(value) { return +value.toPrecision(2); }
function clock(seconds) { return `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, '0')}`; }

// A slider; a logarithmic one moves in a hundred steps of equal ratio.
function slider({label, low, high, logarithmic, marks = [], text = String, step = 1}, value, act) {
  const id = `lab-${slider.count = (slider.count ?? 0) + 1}`;
  const at = v => logarithmic ? Math.log(v / low) / Math.log(high / low) * 100 : v;
  const range = make('input', {type: 'range', id, min: logarithmic ? 0 : low, max: logarithmic ? 100 : high, step: logarithmic ? .5 : step});
  const shown = make('output', {htmlFor: id});
  const read = () => logarithmic ? tidy(low * (high / low) ** (range.value / 100)) : +range.value;
  const show = v => {
    shown.textContent = text(v);
    range.setAttribute('aria-valuetext', text(v));
    range.style.setProperty('--at', `${(range.value - range.min) / (range.max - range.min) * 100}%`);
  };
  const set = v => { range.value = at(v); show(v); };
  range.addEventListener('input', () => {                     // near a mark it is the mark
    const near = marks.find(m => Math.abs(at(m) - range.value) < 1.6);
    const found = near ?? Math.min(high, Math.max(low, read()));
    if (near) range.value = at(near);
    show(found);
    act(found);
  });
  const box = make('div', {className: 'knob'}, make('label', {htmlFor: id, textContent: label}), shown, range);
  if (marks.length) box.append(make('div', {className: 'marks'}, ...marks.map(m => {
    const mark = make('button', {type: 'button', textContent: m, title: `${label} = ${m}`, tabIndex: -1});
    mark.style.left = `${at(m)}%`;
    mark.addEventListener('click', () => { set(m); act(m); });
    return mark;
  })));
  set(value);
  return {box, set, range};
}

// ---- one run's part of the form ------------------------------------------------------------------------
const SIDES = ['Left run', 'Right run'];
const parts = SIDES.map((name, place) => {
  const select = make('select', {id: `lab-objective-${place}`});
  select.setAttribute('aria-label', `Objective of the ${name.toLowerCase()}`);
  select.append(...props.objectives.map(o => make('option', {value: o.name, textContent: o.title})));
  const knobs = make('div', {className: 'knobs'});
  const told = make('p', {className: 'kept'});
  const fall = make('input', {type: 'checkbox', id: `lab-falls-${place}`});
  fall.addEventListener('change', () => { form.runs[place].falls = fall.checked; touched(); });
  const fallLabel = make('label', {className: 'tick', htmlFor: fall.id,
    title: `KL weighs ${props.pressure} at first and falls over four fifths of the time: latents join one by one, what is worth most first`},
    fall, ` starts at ${props.pressure} and falls`);
  const box = make('fieldset', {className: `of-run run-${place}`}, make('legend', {textContent: name}), told, select, knobs, fallLabel);
  select.addEventListener('change', () => { form.runs[place].objective = select.value; showRun(place); touched(); });
  return {select, knobs, told, box, fall, fallLabel};
});
function showRun(place) {
  const run = form.runs[place], {select, knobs, fall, fallLabel} = parts[place];
  fall.checked = run.falls;
  fallLabel.hidden = !objectives[run.objective].falls;
  fallLabel.lastChild.textContent = ` ${objectives[run.objective].knobs[0]?.label === 'β' ? 'β' : 'KL’s weight'} starts at ${props.pressure} and falls`;
  select.value = run.objective;
  const weights = weightsOf(run);
  knobs.replaceChildren(...objectives[run.objective].knobs.map(knob => slider(knob, weights[knob.name], value => {
    (run.weights[run.objective] ??= {})[knob.name] = value;
    touched();
  }).box));
}
const beside = make('input', {type: 'checkbox', id: `lab-beside`});
beside.addEventListener('change', () => { form.beside = beside.checked; showForm(); touched(); });
const besideLabel = make('label', {className: 'tick', htmlFor: beside.id}, beside, ' Two runs, side by side');

const material = make('select', {});
material.setAttribute('aria-label', 'What is learned');
material.append(...props.material.map(m => make('option', {value: m.name, textContent: m.title})));
material.hidden = props.material.length < 2;
material.addEventListener('change', () => { form.data = material.value; touched(); });

// ---- what both share -----------------------------------------------------------------------------------
const shared = {
  seconds: slider({label: 'Time', low: props.ranges.seconds[0], high: props.ranges.seconds[1], step: 10, text: clock}, form.seconds, v => set('seconds', v)),
  latents: slider({label: 'Latents', low: props.ranges.latents[0], high: props.ranges.latents[1]}, form.latents, v => set('latents', v)),
  learning_rate: slider({label: 'Learning rate', low: props.ranges.learning_rate[0], high: props.ranges.learning_rate[1], logarithmic: true}, form.learning_rate, v => set('learning_rate', v)),
};
const seed = make('input', {type: 'number', id: `lab-seed`, min: 0, max: 2 ** 31, step: 1, value: form.seed});
seed.addEventListener('change', () => {
  form.seed = Math.min(2 ** 31, Math.max(0, Math.round(+seed.value) || 0));
  seed.value = form.seed;
  touched();
});
const seedBox = make('div', {className: 'knob seed'}, make('label', {htmlFor: seed.id, textContent: 'Seed'}), seed);
function set(name, value) { form[name] = value; touched(); }
function touched() { changed.forEach(act => act()); }
function showForm() {
  parts.forEach((_, place) => showRun(place));
  for (const name in shared) shared[name].set(form[name]);
  seed.value = form.seed;
  material.value = form.data;
  beside.checked = form.beside;
  const kept = form.keep && runs[form.keep];
  besideLabel.hidden = Boolean(kept);
  parts[0].told.textContent = kept ? `${kept.title} stays beside it` : '';
  parts[0].box.classList.toggle('keeps', Boolean(kept));
  parts[1].box.hidden = !form.beside && !kept;
  parts[0].box.querySelector('legend').textContent = form.beside || kept ? SIDES[0] : 'The run';
}
