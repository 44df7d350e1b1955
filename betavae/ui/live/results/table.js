// ---- the table: one row a kind, sorted and filtered here --------------------------------------------------
const view = {data: 'shapes2d', objectives: new Set(), length: 'usual', served: false, columns: {}, sort: null, down: true};
const FIRST = {shapes2d: ['beta-vae-paper', 'beta-vae', 'mig', 'sap', 'reconstruction', 'kl'], celeba: ['psnr', 'ssim', 'kl', 'active_latents', 'attribute_latents']};
const count = make('p', {className: 'small', role: 'status'});
const holder = make('div', {className: 'scroll', tabIndex: 0, role: 'group'});
holder.setAttribute('aria-label', 'The study');
const tools = make('div', {className: 'tools'});
const csv = button({sign: 'save', words: 'CSV', title: 'These rows and columns as a file', act: saveCsv});
const note = make('p', {className: 'small'});

function tick(label, on, act) {
  const box = make('input', {type: 'checkbox', checked: on});
  box.addEventListener('change', () => { act(box.checked); showTable(); });
  return make('label', {className: 'tick'}, box, ` ${label}`);
}
function buildTools() {
  const kinds = [...new Set(known.rows.filter(r => r.data === view.data).map(r => r.objective))];
  const columns = known.columns[view.data];
  const chosen = view.columns[view.data] ??= new Set(FIRST[view.data]);
  view.objectives = new Set(kinds);
  const parts = [
    choice('results-data', 'Data', [['shapes2d', '2D shapes'], ['celeba', 'Faces']].filter(([d]) => known.rows.some(r => r.data === d)), view.data,
      value => { view.data = value; view.sort = null; buildTools(); showTable(); }),
    menu({words: 'Objectives', title: 'Which objectives'}, ...kinds.map(k => tick(k, true, on => view.objectives[on ? 'add' : 'delete'](k)))).holder,
    menu({words: 'Columns', title: 'Which scores'}, ...columns.map(([name, title]) => tick(title, chosen.has(name), on => chosen[on ? 'add' : 'delete'](name)))).holder,
  ];
  if (view.data === 'shapes2d') parts.splice(1, 0, choice('results-length', 'Length', [['usual', `${known.usual.toLocaleString('en')} pictures`], ['long', 'longer'], ['all', 'all']], view.length,
    value => { view.length = value; showTable(); }), tick('served only', view.served, on => { view.served = on; }));
  tools.replaceChildren(...parts, csv);
}
function shownRows() {
  const rows = known.rows.filter(r => r.data === view.data && view.objectives.has(r.objective) && (!view.served || r.served || view.data !== 'shapes2d')
    && (view.data !== 'shapes2d' || view.length === 'all' || r.long === (view.length === 'long')));
  if (!view.sort) return rows;
  const of = r => view.sort === 'seeds' || view.sort === 'paper' ? r[view.sort] : view.sort === 'name' ? r.name : r.cells[view.sort]?.[1];
  return rows.sort((a, b) => {
    const [one, other] = [of(a), of(b)];
    if (one == null || other == null) return (one == null) - (other == null);
    return (typeof one === 'string' ? one.localeCompare(other) : one - other) * (view.down ? -1 : 1);
  });
}
function headings() {
  const own = known.columns[view.data].filter(([name]) => view.columns[view.data].has(name));
  return [['name', 'Model'], ...(view.data === 'shapes2d' ? [['seeds', 'Seeds'], ['paper', 'Paper']] : []), ...own];
}
function cell(row, name) {
  if (name === 'name') return row.name;
  if (name === 'seeds') return String(row.seeds);
  if (name === 'paper') return row.paper ? row.paper.toFixed(2) : '–';
  return row.cells[name]?.[0] ?? '–';
}
function showTable() {
  const rows = shownRows(), heads = headings();
  const head = make('tr', {}, ...heads.map(([name, title]) => {
    const sorter = make('button', {type: 'button', textContent: title + (view.sort === name ? (view.down ? ' ▾' : ' ▴') : ''), title: `Sort by ${title}`});
    sorter.addEventListener('click', () => {
      view.down = view.sort === name ? !view.down : name !== 'name';
      view.sort = name;
      showTable();
      [...holder.querySelectorAll('th button')][heads.findIndex(h => h[0] === name)]?.focus();
    });
    const th = make('th', {scope: 'col'}, sorter);
    if (view.sort === name) th.setAttribute('aria-sort', view.down ? 'descending' : 'ascending');
    return th;
  }));
  const body = rows.map(row => make('tr', {className: row.served ? 'kept' : ''}, ...heads.map(([name], k) =>
    k ? make('td', {textContent: cell(row, name)}) : make('th', {scope: 'row', textContent: cell(row, name)}))));
  holder.replaceChildren(make('table', {className: 'scores headline'}, make('thead', {}, head), make('tbody', {}, ...body)));
  count.textContent = `${rows.length} of ${known.rows.filter(r => r.data === view.data).length} kinds. Mean ± standard deviation over seeds; in brackets, as the paper has it, the mean of the better half. Bold: served here.`;
  note.textContent = view.data === 'shapes2d' ? known.note : '';
}
function saveCsv() {
  const quote = words => /[",\n]/.test(words) ? `"${words.replaceAll('"', '""')}"` : words;
  const heads = headings();
  const lines = [heads.map(([, title]) => title), ...shownRows().map(row => heads.map(([name]) => cell(row, name)))];
  const content = new Blob(['\ufeff' + lines.map(line => line.map(quote).join(',')).join('\r\n') + '\r\n'], {type: 'text/csv;charset=utf-8'});
  const address = URL.createObjectURL(content);
  make('a', {href: address, download: `results-${view.data}.csv`}).click();
  setTimeout(() => URL.revokeObjectURL(address), LOST);
}
