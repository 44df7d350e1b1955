// The results. Gradio runs this once, with `element`, `props` and `server`.
const root = element.querySelector('.results');
// A chart of 360 by 230 units; it grows with its card, and so does its text.
const WIDE = 360, HIGH = 230, LEFT = 40, RIGHT = 10, TOP = 10, BOTTOM = 36;
const COLOURS = {
  vae: '--c0', 'beta-vae': '--c1', 'beta-tcvae': '--c2', 'factor-vae': '--c3', capacity: '--c4', 'dip-vae-i': '--c5', 'dip-vae-ii': '--c5',
};
const colour = objective => `var(${COLOURS[objective] ?? '--c6'})`;
function svg(tag, attributes = {}, ...children) {
  const node = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const name in attributes) node.setAttribute(name, attributes[name]);
  node.append(...children);
  return node;
}
function text(x, y, words, attributes = {}) { return svg('text', {x, y, ...attributes}, words); }
// Ends and ticks of an axis: steps of 1, 2 or 5 times a power of ten, or powers of two.
function axis(values, {logarithmic = false, zero = true} = {}) {
  const most = Math.max(...values), least = Math.min(...values);
  if (logarithmic) {
    const low = 2 ** Math.floor(Math.log2(least)), high = 2 ** Math.ceil(Math.log2(most));
    const ticks = [];
    for (let t = low; t <= high * 1.001; t *= 2) ticks.push(t);
    return {ticks, place: v => Math.log(v / low) / Math.log(high / low || 2)};
  }
  const low = zero ? 0 : least, power = 10 ** Math.floor(Math.log10((most - low) || 1));
  const step = [.2, .5, 1, 2].map(s => s * power).find(s => (most - low) <= 5 * s) ?? 2 * power;
  const start = Math.floor(low / step) * step, ticks = [];
  for (let k = 0; start + k * step < most + step * .999; k++) ticks.push(+(start + k * step).toPrecision(12));
  return {ticks, place: v => (v - start) / (ticks.at(-1) - start || 1)};
}
function frame(x, y, xTitle, yTitle) {
  const chart = svg('svg', {viewBox: `0 0 ${WIDE} ${HIGH}`, role: 'img', 'aria-label': `${yTitle} against ${xTitle}`});
  const across = v => LEFT + x.place(v) * (WIDE - LEFT - RIGHT), up = v => HIGH - BOTTOM - y.place(v) * (HIGH - TOP - BOTTOM);
  for (const t of y.ticks) chart.append(svg('line', {class: 'grid', x1: LEFT, x2: WIDE - RIGHT, y1: up(t), y2: up(t)}),
    text(LEFT - 5, up(t) + 3.5, t.toLocaleString('en'), {'text-anchor': 'end'}));
  for (const t of x.ticks) chart.append(text(across(t), HIGH - BOTTOM + 14, t.toLocaleString('en'), {'text-anchor': 'middle'}));
  chart.append(text((LEFT + WIDE - RIGHT) / 2, HIGH - 4, xTitle, {'text-anchor': 'middle', class: 'title'}));
  return {chart, across, up};
}
function dot(x, y, of, words, attributes = {}) {
  return svg('circle', {cx: x, cy: y, r: 4, style: `fill:${colour(of)}`, ...attributes}, svg('title', {}, words));
}
const mean = values => values.reduce((a, b) => a + b, 0) / values.length;
function grouped(list, key) {
  const groups = new Map();
  for (const item of list) groups.set(key(item), [...(groups.get(key(item)) ?? []), item]);
  return groups;
}
