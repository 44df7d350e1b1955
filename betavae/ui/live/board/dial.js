// ---- the dial: β, for a model of every β --------------------------------------------------------
const MARKS = [1, 4, 250], NOTCHES = 1000;                    // of the slider, over log β
const SILENT = .05;                                           // nats: a latent under it tells nothing
const dials = {};                                             // the DOM of each, by model
const origins = {};                                           // {code, beta, last}: the picture that is coded again, and its newest code
state.betas = Object.fromEntries(names.filter(isDial).map(n => [n, models[n].dial.beta]));
state.held = false;                                           // the code stays, and only the decoder turns
state.draws = false;                                          // a draw of q(z|x), not its mean

function isDial(name) { return Boolean(models[name].dial); }
function betasOf(which) { return Object.fromEntries(which.filter(isDial).map(n => [n, state.betas[n]])); }
function betaText(beta) { return beta < 10 ? String(+beta.toFixed(1)) : String(Math.round(beta)); }
function notchOf(name, beta) {
  const [low, high] = models[name].dial.betas;
  return Math.log(beta / low) / Math.log(high / low) * NOTCHES;
}
function betaOf(name, notch) {
  const [low, high] = models[name].dial.betas, beta = low * (high / low) ** (notch / NOTCHES);
  const mark = MARKS.find(m => Math.abs(notchOf(name, m) - notch) < 6);   // a mark draws the hand a little
  return clamp(mark ?? beta, low, high);
}
// What was measured, between two β that were: everything is a line in log β.
function measuredAt(name, beta) {
  const points = models[name].dial.points, after_ = points.findIndex(p => p.beta >= beta * .9999);
  const b = points[after_ < 0 ? points.length - 1 : after_], a = points[Math.max(0, points.indexOf(b) - 1)];
  const share = a === b ? 0 : clamp(Math.log(beta / a.beta) / Math.log(b.beta / a.beta), 0, 1);
  const between = (one, other) => one + (other - one) * share;
  const kls = a.kls.map((value, k) => between(value, b.kls[k]));
  return {kls, kl: between(a.kl, b.kl), mean: between(a.mean, b.mean), sample: between(a.sample, b.sample),
    active: kls.filter(value => value >= SILENT).length};
}

const SVG = 'http://www.w3.org/2000/svg';
function drawn(tag, attributes, ...children) {
  const node = document.createElementNS(SVG, tag);
  for (const key in attributes) node.setAttribute(key, attributes[key]);
  node.append(...children);
  return node;
}
function buildDial(name) {
  const {dial} = models[name], id = `${element.id || 'board'}-${name}-beta`;
  const range = make('input', {type: 'range', min: 0, max: NOTCHES, step: 1, id});
  const value = make('output', {htmlFor: id});
  const marks = make('div', {className: 'marks'}, ...MARKS.filter(m => m >= dial.betas[0] && m <= dial.betas[1]).map(mark => {
    const node = button({words: String(mark), kind: 'plain', title: `β = ${mark}`, act: () => once(() => turnTo(name, mark))});
    node.style.left = `${notchOf(name, mark) / NOTCHES * 100}%`;
    return node;
  }));
  const figures_ = make('p', {className: 'figures'});
  const again = choice(`${name}-held`, 'When β turns', [['', 'code it again'], ['held', 'hold the code']], '',
    kind => { state.held = kind === 'held'; turnTo(name, state.betas[name]); });
  const sampled = choice(`${name}-draws`, 'Code', [['', 'mean'], ['draws', 'a draw']], '',
    kind => { state.draws = kind === 'draws'; turnTo(name, state.betas[name]); });
  sampled.title = 'The mean of q(z|x), or one draw of it: what β costs is seen in a draw first';
  const bars = buildBars(name), curve = buildCurve(name);
  const box = make('div', {className: 'dial'},
    make('label', {htmlFor: id}, make('b', {textContent: 'β'}), value), make('div', {className: 'track'}, range, marks),
    make('div', {className: 'graphs'}, bars.svg, curve.curve), figures_,
    make('small', {textContent: `Means over ${dial.pictures.toLocaleString('en')} held-out pictures, between measured β a straight line.`}),
    make('div', {className: 'switches'}, again, sampled));
  range.addEventListener('pointerdown', () => gesture());
  range.addEventListener('input', () => { gesture(`${name} beta`); turnTo(name, betaOf(name, +range.value)); });
  range.addEventListener('change', () => endGesture());
  range.addEventListener('keydown', event => {
    const by = {ArrowRight: 20, ArrowUp: 20, ArrowLeft: -20, ArrowDown: -20, PageUp: 100, PageDown: -100}[event.key];
    if (!by || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    gesture(`${name} beta`, true);
    turnTo(name, betaOf(name, clamp(notchOf(name, state.betas[name]) + by, 0, NOTCHES)));
  });
  dials[name] = {box, range, value, figures: figures_, again, sampled, ...bars, ...curve};
  figures[name].querySelector('.count').after(box);
}
// A bar a latent, the one that says most at the lowest β first: they sink as β grows.
function buildBars(name) {
  const first = models[name].dial.points[0].kls, order = first.map((_, k) => k).sort((a, b) => first[b] - first[a]);
  const most = Math.max(...first), bars = order.map((_, place) => drawn('rect', {x: place + .1, width: .8, y: 0, height: 1}));
  const svg = drawn('svg', {viewBox: `0 0 ${order.length} 1`, preserveAspectRatio: 'none', class: 'bars', role: 'img'}, ...bars);
  return {svg, bars, order, most};
}
function buildCurve(name) {
  const {points} = models[name].dial, left = Math.min(...points.map(p => p.kl)), right = Math.max(...points.map(p => p.kl));
  const low = Math.min(...points.map(p => p.sample)), high = Math.max(...points.map(p => p.mean));
  const x = kl => 4 + 92 * (kl - left) / (right - left), y = db => 46 - 42 * (db - low) / (high - low);
  const line = part => points.map((p, k) => `${k ? 'L' : 'M'}${x(p.kl).toFixed(2)} ${y(p[part]).toFixed(2)}`).join('');
  const dot = drawn('circle', {r: 3.2}), faint = drawn('circle', {r: 2.2, class: 'faint'});
  const svg_ = drawn('svg', {viewBox: '0 0 100 50', class: 'curve', role: 'img'},
    drawn('path', {d: line('sample'), class: 'faint'}), drawn('path', {d: line('mean')}), faint, dot,
    drawn('text', {x: 96, y: 50, 'text-anchor': 'end'}, 'KL →'), drawn('text', {x: -2, y: 3}, '↑ PSNR'));
  svg_.setAttribute('aria-label', `Picture quality against rate: from ${left.toFixed(0)} to ${right.toFixed(0)} nats`);
  return {curve: svg_, dot, faint, x, y};
}
function showDial(name) {
  if (!isDial(name)) return;
  if (!dials[name]) buildDial(name);
  const dial = dials[name], beta = state.betas[name], found = measuredAt(name, beta), text = betaText(beta);
  dial.range.value = notchOf(name, beta);
  dial.range.style.setProperty('--at', `${notchOf(name, beta) / NOTCHES * 100}%`);
  dial.range.setAttribute('aria-valuetext', `β ${text}, ${found.active} of ${found.kls.length} latents in use`);
  dial.value.textContent = text;
  dial.order.forEach((k, place) => {
    const high = Math.max(.012, found.kls[k] / dial.most);
    dial.bars[place].setAttribute('y', 1 - high);
    dial.bars[place].setAttribute('height', high);
    dial.bars[place].classList.toggle('silent', found.kls[k] < SILENT);
    rows[name][k].box.classList.toggle('silent', found.kls[k] < SILENT);
  });
  for (const [node, part] of [[dial.dot, 'mean'], [dial.faint, 'sample']]) {
    node.setAttribute('cx', dial.x(found.kl));
    node.setAttribute('cy', dial.y(found[part]));
  }
  dial.svg.setAttribute('aria-label', `KL of each latent: ${found.active} in use`);
  dial.figures.textContent = `KL ${found.kl.toFixed(1)} nats · PSNR ${found.mean.toFixed(2)} dB, of a draw ${found.sample.toFixed(2)}`;
  figures[name].querySelector('.count').textContent = `${found.active} of ${found.kls.length} sliders in use`;
  check(dial.again, state.held ? 'held' : '');
  check(dial.sampled, state.draws ? 'draws' : '');
}

// ---- the same picture, coded again at each β -------------------------------------------------------
let turned = null;                                            // the model that was turned last
const askTurned = newestWins(props.in_flight, () => {
  const name = turned, {code, beta} = origins[name];
  return server.turn({model: name, code, before: beta, beta: state.betas[name], seed: state.draws ? state.seed : null})
    .then(answer => answer && {...answer, name, origin: origins[name], beta: state.betas[name]});
}, drawTurned, () => say('The server does not answer; the picture is not up to date.', true));
async function drawTurned(answer, newer, asked) {
  if (answer.error) return say(answer.error, true);
  const {name} = answer, image = await load(answer.picture);
  if (answer.origin !== origins[name] || !newer(name)) return; // another face has come meanwhile
  state.codes[name] = answer.code.map(rounded);
  answer.origin.last = state.codes[name].slice();
  models[name].latents.forEach(l => show(name, l.index));
  placeMark(name);
  enlarge(image, screens[name]);
  root.dataset.turns = +(root.dataset.turns ?? 0) + 1;
  root.dispatchEvent(new CustomEvent('drawn', {detail: {asked}}));
}
function turnTo(name, beta) {
  turn++;
  const before = state.betas[name], origin = origins[name];
  if (!origin?.last || origin.last.some((value, k) => value !== state.codes[name][k]))   // moved by hand meanwhile
    if (!origin || origin.last) origins[name] = {code: state.codes[name].slice(), beta: before};
  state.betas[name] = beta;
  turned = name;
  showDial(name);
  if (state.held) return want([name]);
  askTurned();
  rest();
}
// A face has come, coded at the β that its model is shown at first: here it is coded at today's.
function arrive(which) {
  for (const name of which.filter(isDial)) {
    const home = models[name].dial.beta;
    origins[name] = {code: state.codes[name].slice(), beta: home};
    if (state.betas[name] !== home && state.shown.includes(name) && !state.held) turnTo(name, state.betas[name]);
  }
}
