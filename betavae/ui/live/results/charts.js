// ---- three questions, a chart each -----------------------------------------------------------------------
let known = null;                                             // the study, once it is there
function card(id, question) {
  const answer = make('p', {className: 'answer'}), chart = make('div', {className: 'chart', id}), legend = make('ul', {className: 'legend'});
  const box = make('section', {className: 'card'}, make('h2', {textContent: question}), answer, chart, legend);
  return {box, answer, chart, legend};
}
const betas = card('sweep', 'Does β disentangle?');
const cost = card('rate-distortion', 'What does it cost?');
const which = card('objectives', 'Which objective should I use?');
const score = make('select', {id: 'results-score'});
score.addEventListener('change', showScore);
const picked = make('div', {className: 'picked'});
cost.box.append(picked);
const every = make('input', {type: 'checkbox', id: 'results-every'});
every.addEventListener('change', showObjectives);
which.box.append(make('label', {className: 'tick', htmlFor: every.id}, every, ' every setting, not only the best of each objective'));

function key(list) {
  return list.map(([of, words]) => {
    const mark = make('i');
    mark.style.background = colour(of);
    return make('li', {}, mark, words);
  });
}
function showScore() {
  const told = known.sentences[score.value];
  betas.answer.textContent = told.beta;
  cost.answer.textContent = told.cost;
  which.answer.textContent = told.which;
  showBetas();
  showObjectives();
}
function showBetas() {
  const name = score.value, title = known.scores.find(([n]) => n === name)[1];
  const shown = known.points.filter(p => p.plain && p.beta && ['vae', 'beta-vae'].includes(p.objective) && name in p.scores);
  const lines = Object.entries(known.published[name] ?? {});
  const x = axis(shown.map(p => p.beta), {logarithmic: true});
  const y = axis([...shown.map(p => p.scores[name]), ...lines.map(([, v]) => v)]);
  const {chart, across, up} = frame(x, y, 'β', title);
  for (const [words, v] of lines) chart.append(svg('line', {class: 'published', x1: LEFT, x2: WIDE - RIGHT, y1: up(v), y2: up(v)}, svg('title', {}, `${words}: ${v}`)),
    text(LEFT + 4, up(v) + (v > .9 ? 11 : -4), words, {class: 'published'}));
  const groups = [...grouped(shown, p => p.beta)].sort((a, b) => a[0] - b[0]);
  chart.append(svg('polyline', {style: `stroke:${colour('beta-vae')}`, points: groups.map(([beta, list]) => `${across(beta)},${up(mean(list.map(p => p.scores[name])))}`).join(' ')}));
  for (const p of shown) chart.append(dot(across(p.beta), up(p.scores[name]), 'beta-vae', `${p.name}: ${p.scores[name].toFixed(3)}`, {r: 3.4, class: 'seed'}));
  betas.chart.replaceChildren(chart);
  betas.legend.replaceChildren(...key([['beta-vae', `a dot a seed, the line their mean; ${title}, higher is better`]]));
}
function showCost() {
  const shown = known.points.slice().sort((a, b) => Boolean(a.served) - Boolean(b.served));   // rings on top
  const x = axis(shown.map(p => p.kl)), y = axis(shown.map(p => p.reconstruction));
  const {chart, across, up} = frame(x, y, 'rate: KL, nats', 'distortion: −log p(x|z), nats');
  chart.setAttribute('role', 'group');                        // its points are buttons
  chart.append(text(LEFT + 4, TOP + 6, 'error, nats ↓', {class: 'title'}));
  for (const p of shown) {
    const of = p.objective === 'beta-vae' && p.beta === 1 ? 'vae' : p.objective;
    const mark = dot(across(p.kl), up(p.reconstruction), of, `${p.name}: ${p.kl} nats, error ${p.reconstruction} nats`, {class: p.served ? 'run kept' : 'run', tabindex: 0, role: 'button', r: p.served ? 5.5 : 4});
    mark.setAttribute('aria-label', p.name);
    mark.addEventListener('click', () => pick(p, mark));
    mark.addEventListener('keydown', event => { if (event.key === 'Enter' || event.key === ' ') { event.preventDefault(); pick(p, mark); } });
    chart.append(mark);
  }
  cost.chart.replaceChildren(chart);
  const names = [...new Set(shown.map(p => p.objective === 'beta-vae' && p.beta === 1 ? 'vae' : p.objective))];
  cost.legend.replaceChildren(...key(names.map(n => [n, known.objectives[n]])));
  picked.replaceChildren(make('p', {className: 'small', textContent: 'Each point is a run. Those with a ring are served here: click one to see what it makes of eight shapes.'}));
}
async function pick(point, mark) {
  cost.chart.querySelectorAll('.chosen').forEach(node => node.classList.remove('chosen'));
  mark.classList.add('chosen');
  const words = make('p', {}, make('b', {textContent: point.name}), `: a code of ${point.kl} nats, error ${point.reconstruction} nats.`);
  picked.replaceChildren(words);
  if (!point.served) {
    words.append(' Only its numbers are kept; runs with a ring are served, with their weights.');
    return;
  }
  const answer = await answered(server.redraw({model: point.served})).catch(() => ({error: 'The server does not answer; click again.'}));
  if (picked.firstChild !== words) return;
  if (answer.error) return words.append(` ${answer.error}`);
  picked.append(make('img', {src: answer.shapes, alt: 'Eight shapes'}), make('img', {src: answer.again, alt: `The same as ${point.name} draws them`}));
}
// The network and the growth's parts are in the tip: a card has no room.
const short = kind => kind.replace(/, (conv|parts of [\d,]+)/g, '').replace(' pictures', '');
// A line a setting: the mean, and every seed.
function showObjectives() {
  const name = score.value, shown = known.points.filter(p => name in p.scores);
  let groups = [...grouped(shown, p => p.kind)].map(([kind, list]) => ({kind, list, objective: list[0].beta === 1 && list[0].objective === 'beta-vae' ? 'vae' : list[0].objective, mean: mean(list.map(p => p.scores[name]))}));
  groups.sort((a, b) => b.mean - a.mean);
  if (!every.checked) groups = groups.filter((g, k) => groups.findIndex(other => other.objective === g.objective && (other.list.length > 1 || g.list.length === 1)) === k);
  const x = axis(shown.map(p => p.scores[name])), step = 26, top = 4, high = top + groups.length * step + 20;
  const across = v => 8 + x.place(v) * (WIDE - 22);
  const chart = svg('svg', {viewBox: `0 0 ${WIDE} ${high}`, role: 'img', 'aria-label': `${name} of each objective`});
  for (const t of x.ticks) chart.append(svg('line', {class: 'grid', x1: across(t), x2: across(t), y1: top, y2: high - 18}), text(across(t), high - 5, t.toLocaleString('en'), {'text-anchor': 'middle'}));
  groups.forEach((g, k) => {
    const y = top + k * step, values = g.list.map(p => p.scores[name]);
    chart.append(text(8, y + 10, `${short(g.kind)}: ${g.mean.toFixed(3)}`, {class: 'name'}),
      svg('line', {class: 'range', style: `stroke:${colour(g.objective)}`, x1: across(Math.min(...values)), x2: across(Math.max(...values)), y1: y + 18, y2: y + 18}),
      ...g.list.map(p => dot(across(p.scores[name]), y + 18, g.objective, `${p.name}: ${p.scores[name].toFixed(3)}`, {r: 3, class: 'seed'})),
      svg('line', {class: 'mean', x1: across(g.mean), x2: across(g.mean), y1: y + 12.5, y2: y + 23.5}));
  });
  which.chart.replaceChildren(chart);
  which.legend.replaceChildren(...key([...new Set(groups.map(g => g.objective))].map(n => [n, known.objectives[n]])));
}
