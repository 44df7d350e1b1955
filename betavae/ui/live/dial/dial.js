// ---- the dial: β, for a model of every β --------------------------------------------------------
// The component itself; what turns with it is in turning.js. Its page has `state` and `models`.
const MARKS = [1, 4, 250], NOTCHES = 1000;                    // of the slider, over log β
const SILENT = .05;                                           // nats: a latent under it tells nothing
const DIAL_STEPS = {ArrowRight: 20, ArrowUp: 20, ArrowLeft: -20, ArrowDown: -20, PageUp: 100, PageDown: -100};
const dials = {};                                             // the DOM of each, by model

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
  return Math.min(high, Math.max(low, mark ?? beta));
}
// What was measured, between two β that were: everything is a line in log β.
function measuredAt(name, beta) {
  const points = models[name].dial.points, after_ = points.findIndex(p => p.beta >= beta * .9999);
  const b = points[after_ < 0 ? points.length - 1 : after_], a = points[Math.max(0, points.indexOf(b) - 1)];
  const share = a === b ? 0 : Math.min(1, Math.max(0, Math.log(beta / a.beta) / Math.log(b.beta / a.beta)));
  const between = (one, other) => one + (other - one) * share;
  const kls = a.kls.map((value, k) => between(value, b.kls[k]));
  const scores = a.mig === undefined ? {} : {mig: between(a.mig, b.mig), accuracy: between(a.accuracy, b.accuracy)};
  return {kls, kl: between(a.kl, b.kl), mean: between(a.mean, b.mean), sample: between(a.sample, b.sample), ...scores,
    active: kls.filter(value => value >= SILENT).length};
}
// What a latent carries, at the β that is set.
function klOf(name, latent) { return isDial(name) ? measuredAt(name, state.betas[name]).kls[latent.index] : latent.kl; }

const SVG = 'http://www.w3.org/2000/svg';
function drawn(tag, attributes, ...children) {
  const node = document.createElementNS(SVG, tag);
  for (const key in attributes) node.setAttribute(key, attributes[key]);
  node.append(...children);
  return node;
}
// `act`: {turn(β), again(), press(), move(by key), release()}: what the hand does.
function buildDial(name, act) {
  const {dial} = models[name], id = `${element.id || 'board'}-${name}-beta`;
  const range = make('input', {type: 'range', min: 0, max: NOTCHES, step: 1, id});
  const value = make('output', {htmlFor: id});
  const marks = make('div', {className: 'marks'}, ...MARKS.filter(m => m >= dial.betas[0] && m <= dial.betas[1]).map(mark => {
    const node = button({words: String(mark), kind: 'plain', title: `β = ${mark}`, act: () => { act.press(); act.move(); act.turn(mark); act.release(); }});
    node.style.left = `${notchOf(name, mark) / NOTCHES * 100}%`;
    return node;
  }));
  const told = ['rate', 'mean', 'sample', ...(dial.points[0].mig === undefined ? [] : ['mig', 'accuracy'])].map(part => make('span', {className: part}));
  const again = choice(`${name}-held`, 'When β turns', [['', 'code it again'], ['held', 'hold the code']], '',
    kind => { state.held = kind === 'held'; act.again(); });
  const sampled = choice(`${name}-draws`, 'Code', [['', 'mean'], ['draws', 'a draw']], '',
    kind => { state.draws = kind === 'draws'; act.again(); });
  const line = (words, node) => make('div', {className: 'line'}, make('span', {textContent: words}), node);
  const options = menu({sign: 'view', kind: 'plain', title: 'How β turns'},
    line('When β turns', again), line('The code is', sampled),
    make('p', {className: 'small', textContent: 'The mean of q(z|x), or one draw of it: what β costs is seen in a draw first.'}),
    make('p', {className: 'small', textContent: `The figures are means over ${dial.pictures.toLocaleString('en')} held-out pictures, measured at ${dial.points.length} β; between two of them a straight line.`}));
  const bars = buildBars(name), curve = buildCurve(name);
  const graph = (svg, words) => make('div', {className: 'graph'}, svg, make('small', {textContent: words}));
  const box = make('div', {className: 'dial'}, make('div', {className: 'turned'},
    make('label', {htmlFor: id}, make('b', {textContent: 'β'}), value), make('div', {className: 'track'}, range, marks), options.holder,
    make('div', {className: 'graphs'}, graph(bars.svg, 'KL of each latent'), graph(curve.curve, 'PSNR over KL')),
    make('p', {className: 'figures', title: 'Measured on held-out pictures; between two measured β a straight line'}, ...told)));
  range.addEventListener('pointerdown', () => act.press());
  range.addEventListener('input', () => { act.move(); act.turn(betaOf(name, +range.value)); });
  range.addEventListener('change', () => act.release());
  range.addEventListener('keydown', event => {
    const by = DIAL_STEPS[event.key];
    if (!by || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    act.move(true);
    act.turn(betaOf(name, Math.min(NOTCHES, Math.max(0, notchOf(name, state.betas[name]) + by))));
  });
  return dials[name] = {box, range, value, told, again, sampled, ...bars, ...curve};
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
  const x = kl => 4 + 92 * (kl - left) / (right - left), y = db => 37 - 34 * (db - low) / (high - low);
  const line = part => points.map((p, k) => `${k ? 'L' : 'M'}${x(p.kl).toFixed(2)} ${y(p[part]).toFixed(2)}`).join('');
  const dot = drawn('circle', {r: 3.6}), faint = drawn('circle', {r: 2.6, class: 'faint'});
  const curve = drawn('svg', {viewBox: '0 0 100 40', class: 'curve', role: 'img'},
    drawn('path', {d: line('sample'), class: 'faint'}), drawn('path', {d: line('mean')}), faint, dot);
  curve.setAttribute('aria-label', `Picture quality against rate: from ${left.toFixed(0)} to ${right.toFixed(0)} nats, of means and, dashed, of draws`);
  return {curve, dot, faint, x, y};
}
// The dial as β is -> what was measured there.
function drawDial(name) {
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
  });
  for (const [node, part] of [[dial.dot, 'mean'], [dial.faint, 'sample']]) {
    node.setAttribute('cx', dial.x(found.kl));
    node.setAttribute('cy', dial.y(found[part]));
  }
  dial.svg.setAttribute('aria-label', `KL of each latent: ${found.active} in use`);
  const told = [`KL ${found.kl.toFixed(1)} nats`, `PSNR ${found.mean.toFixed(2)} dB`, `of a draw ${found.sample.toFixed(2)}`];
  if (found.mig !== undefined) told.push(`MIG ${found.mig.toFixed(3)}`, `β-VAE metric ${(100 * found.accuracy).toFixed(0)} %`);
  told.forEach((words, place) => { dial.told[place].textContent = words; });
  check(dial.again, state.held ? 'held' : '');
  check(dial.sampled, state.draws ? 'draws' : '');
  return found;
}
