// ---- one run on the page ---------------------------------------------------------------------------------
const runs = {};                                              // of this visit, by name: what was last told of them
const columns = {};                                           // their parts of the page
const FRAMES = 7, SIDE = 64;
const COLOURS = ['one', 'two'];                               // of the curves and of the names

function column(run, place) {
  const found = columns[run.name] ??= buildColumn(run);
  found.box.dataset.colour = COLOURS[place];
  return found;
}
function buildColumn(run) {
  const title = make('h2', {textContent: run.title});
  const stage = make('p', {className: 'stage'});
  const again = make('canvas', {width: 8 * SIDE, height: SIDE, role: 'img'});
  again.setAttribute('aria-label', 'The same as this run draws them now');
  const originals = make('img', {src: props.shown, alt: 'Eight pictures that it has not seen'});
  const eight = make('div', {className: 'eight'}, originals, again);
  const table = buildTable(run);
  const words = make('p', {className: 'words'});
  const after = make('div', {className: 'after'});
  const box = make('section', {className: 'run'}, make('header', {}, title, stage), eight, table.box, words, after);
  box.setAttribute('aria-label', run.title);
  return {...table, box, stage, originals, again, words, after};
}
// A row a latent: its KL, what it does to one shape, and what it tells of each factor.
function buildTable(run) {
  const canvas = make('canvas', {width: FRAMES * SIDE, height: run.latents * SIDE, className: 'sheet', role: 'img'});
  canvas.setAttribute('aria-label', 'Traversals: a row a latent, from −3 to 3');
  const head = ['', 'KL', 'from −3 to 3', ...props.factors].map(text => make('span', {className: 'head', textContent: text}));
  head.slice(3).forEach(cell => cell.classList.add('factor'));
  const rows = Array.from({length: run.latents}, (_, k) => {
    const name = make('span', {className: 'name', textContent: `z${k}`});
    const bar = make('i'), kl = make('small');
    const cells = props.factors.map(() => make('span', {className: 'cell'}));
    return {name, bar, kl, cells, own: make('b')};
  });
  const box = make('div', {className: 'latents'}, ...head, canvas);
  box.style.setProperty('--count', run.latents);
  rows.forEach((row, k) => {
    row.name.append(row.own);
    const parts = [row.name, make('span', {className: 'bar'}, row.bar, row.kl), ...row.cells];
    parts.forEach(part => part.style.gridRow = k + 2);
    box.append(...parts);
  });
  return {box: make('div', {className: 'latents-box'}, box), canvas, rows};
}

const drawnVersion = {};
async function drawRun(run, scale) {
  const {stage, words, rows, originals, again, canvas, box} = columns[run.name];
  stage.textContent = stageOf(run);
  stage.classList.toggle('wrong', run.stage === 'failed');
  const report = run.report;
  if (!report) return;
  if (report.originals && originals.src !== report.originals) originals.src = report.originals;
  words.textContent = report.words;
  box.classList.toggle('no-factors', !report.information);
  report.kl.forEach((nats, k) => {
    const row = rows[k], own = report.own[k];
    row.bar.style.transform = `scaleX(${Math.min(1, nats / scale)})`;
    row.kl.textContent = nats.toFixed(nats < 9.95 ? 1 : 0);
    row.name.classList.toggle('silent', nats < .05);
    const named = own ? own.join(', ') : '';
    if (named && named !== row.own.textContent) row.own.animate([{background: 'var(--run)', color: 'var(--block-background-fill)'}, {}], 2500);
    row.own.textContent = named;
    row.cells.forEach((cell, f) => {
      const told = report.information?.[k][f] ?? 0, share = Math.min(1, told / props.entropies[f]);
      cell.style.setProperty('--share', share.toFixed(3));
      cell.textContent = share >= .1 ? told.toFixed(1) : '';
      cell.title = `z${k} tells ${told.toFixed(2)} of ${props.entropies[f].toFixed(2)} nats of ${props.factors[f]}`;
    });
  });
  if (drawnVersion[run.name] === run.version) return;
  drawnVersion[run.name] = run.version;
  const [pictures, sheet] = await Promise.all([load(report.reconstructions), load(report.traversals)]);
  again.getContext('2d').drawImage(pictures, 0, 0);
  canvas.getContext('2d').drawImage(sheet, 0, 0);
}
function stageOf(run) {
  if (run.sentence) return run.sentence;
  const weight = run.report?.pressure, falling = weight ? `, β = ${weight < 9.95 ? weight.toFixed(1) : Math.round(weight)} now` : '';
  const seen = run.report ? `${run.report.pictures.toLocaleString('en')} pictures seen${run.stage === 'training' ? falling : ''}` : '';
  return {
    waiting: 'Waits.',
    training: run.report?.state === 'ready' || !run.report ? 'The process starts …' : run.report.state === 'ended' ? `${seen}. Last validation …` : seen,
    packing: `${seen}. Its bundle is made …`,
    measuring: `${seen}. Being measured …`,
    done: `${seen}. Done.`,
    failed: 'Failed.',
  }[run.stage];
}
