// ---- the set-up in the address: it fills the form and waits for Start ------------------------------------
// ?tab=train&run=beta-vae_beta-1&beside=beta-vae_beta-4_falls&latents=6&rate=0.002&seed=0&seconds=90
const KEYS = ['data', 'run', 'beside', 'latents', 'rate', 'seed', 'seconds'];
const spell = run => [run.objective, ...Object.entries(weightsOf(run)).map(([k, v]) => `${k}-${v}`), ...(falls(run) ? ['falls'] : [])].join('_');
function setupLink() {
  const url = new URL(location.href);
  for (const key of KEYS) url.searchParams.delete(key);
  url.searchParams.set('tab', 'train');
  if (form.data !== props.material[0].name) url.searchParams.set('data', form.data);
  url.searchParams.set('run', spell(form.runs[0]));
  if (form.beside) url.searchParams.set('beside', spell(form.runs[1]));
  url.searchParams.set('latents', form.latents);
  url.searchParams.set('rate', form.learning_rate);
  url.searchParams.set('seed', form.seed);
  url.searchParams.set('seconds', form.seconds);
  return url;
}
changed.push(() => history.replaceState(history.state, '', setupLink()));

function spelled(text) {
  const [objective, ...rest] = text.split('_'), known = objectives[objective];
  if (!known) throw new Error(`it names an objective, ${objective.slice(0, 30)}, that there is not`);
  const weights = {};
  // A weight's own name may hold the sign that joins: lambda_od.
  const words = rest.join('_');
  for (const knob of known.knobs) {
    const found = words.match(new RegExp(`(?:^|_)${knob.name}-([0-9.e+-]+)(?:_|$)`));
    const value = found ? +found[1] : knob.start;
    if (!(value >= knob.low && value <= knob.high)) throw new Error(`${knob.label} must be from ${knob.low} to ${knob.high}`);
    weights[knob.name] = value;
  }
  return {objective, weights: {[objective]: weights}, falls: known.falls && rest.at(-1) === 'falls'};
}
function between(text, [low, high], what, otherwise) {
  if (text === null) return otherwise;
  if (text.trim() === '' || !(+text >= low && +text <= high)) throw new Error(`${what} must be from ${low} to ${high}`);
  return +text;
}
// What the address says -> the form; a sentence where it is damaged, "" where all is well.
function readSetup() {
  const asked = new URLSearchParams(location.search);
  if (!KEYS.some(key => asked.has(key))) return '';
  try {
    const run = asked.has('run') ? spelled(asked.get('run')) : form.runs[0];
    const other = asked.has('beside') ? spelled(asked.get('beside')) : null;
    const {ranges} = props, data = asked.get('data') ?? form.data;
    if (!props.material.some(m => m.name === data)) throw new Error('it names pictures that are not here');
    Object.assign(form, {
      data, runs: [run, other ?? form.runs[1]], beside: asked.has('run') ? Boolean(other) : form.beside,
      latents: Math.round(between(asked.get('latents'), ranges.latents, 'the number of latents', form.latents)),
      learning_rate: between(asked.get('rate'), ranges.learning_rate, 'the learning rate', form.learning_rate),
      seed: Math.round(between(asked.get('seed'), [0, 2 ** 31], 'the seed', form.seed)),
      seconds: Math.round(between(asked.get('seconds'), ranges.seconds, 'the time', form.seconds)),
    });
    return '';
  } catch (error) {
    return `This link is damaged: ${error.message}. Here is the usual set-up.`;
  }
}
