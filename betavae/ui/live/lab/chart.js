// ---- the curves: both runs on one clock and one axis --------------------------------------------------------
const WIDE = 300, HIGH = 100;                                 // of a chart's own units
const CHARTS = [
  {key: 2, title: 'Reconstruction error, nats ↓', logarithmic: true},
  {key: 3, title: 'KL, nats'},
];
function svg(tag, attributes) {
  const node = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const name in attributes) node.setAttribute(name, attributes[name]);
  return node;
}
const charts = CHARTS.map(({title}) => {
  const field = svg('svg', {viewBox: `0 0 ${WIDE} ${HIGH}`, preserveAspectRatio: 'none', role: 'img'});
  field.setAttribute('aria-label', title);
  const lines = COLOURS.map(colour => svg('polyline', {class: colour}));
  field.append(...[.25, .5, .75].map(share => svg('line', {x1: 0, x2: WIDE, y1: HIGH * share, y2: HIGH * share})), ...lines);
  const top = make('span', {className: 'top'}), bottom = make('span', {className: 'bottom'}), end = make('span', {className: 'end'});
  const box = make('figure', {className: 'curve'}, make('figcaption', {textContent: title}), make('div', {className: 'field'}, field, top, bottom, end));
  return {box, lines, top, bottom, end};
});
const chartsBox = make('div', {className: 'curves'}, ...charts.map(c => c.box));

function drawCurves(shown) {
  const curves = shown.map(run => run.report?.curve ?? []);
  const longest = Math.max(10, ...shown.map((run, k) => curves[k].length ? run.seconds : 0));
  CHARTS.forEach(({key, logarithmic}, c) => {
    const values = curves.flat().map(point => point[key]).filter(v => isFinite(v) && (!logarithmic || v > 0));
    const {lines, top, bottom, end} = charts[c];
    charts[c].box.hidden = !values.length;
    if (!values.length) return;
    const round = logarithmic ? 10 ** Math.floor(Math.log10(Math.min(...values))) : 0;
    const low = logarithmic ? Math.floor(Math.min(...values) / round) * round : 0;
    const high = Math.max(...values) * (logarithmic ? 1 : 1.05) || 1;
    const y = v => logarithmic ? Math.log(v / low) / Math.log(high / low || 2) : (v - low) / (high - low);
    lines.forEach((line, k) => line.setAttribute('points', (curves[k] ?? []).map(point =>
      `${(point[0] / longest * WIDE).toFixed(1)},${(HIGH * (1 - y(point[key]))).toFixed(1)}`).join(' ')));
    top.textContent = high.toLocaleString('en', {maximumFractionDigits: high < 10 ? 1 : 0});
    bottom.textContent = low.toLocaleString('en');
    end.textContent = clock(longest);
  });
}
