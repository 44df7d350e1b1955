// ---- snapshots: kept, returned to, blended -------------------------------------------------------
const kept = [];                                              // {number, family, state, picture}
let counted = 0;
const tray = make('div', {className: 'tray', hidden: true});
tray.setAttribute('role', 'group');
tray.setAttribute('aria-label', 'Snapshots');
const blendEnds = [blendEnd('Blend from snapshot'), blendEnd('to snapshot')];
const blendRange = make('input', {type: 'range', min: 0, max: 1, step: .01, value: 0});
blendRange.setAttribute('aria-label', 'Blend');
const blendRow = make('div', {className: 'blending', hidden: true}, make('span', {textContent: 'Blend'}), blendEnds[0], blendRange, blendEnds[1]);
const shelf = make('div', {className: 'shelf'});
tray.append(shelf, blendRow);

function blendEnd(label) {
  const select = make('select');
  select.setAttribute('aria-label', label);
  select.addEventListener('change', () => { blendRange.value = 0; fillBlend(); });
  return select;
}
function keep() {
  const picture = make('canvas', {width: 64 * state.shown.length, height: 64});
  state.shown.forEach((name, place) => picture.getContext('2d').drawImage(screens[name], 64 * place, 0, 64, 64));
  kept.push({number: ++counted, family: family(), state: snapshot(), picture});
  showTray();
  say(`Kept as snapshot ${counted}.`);
}
function showTray() {
  const mine = kept.filter(one => one.family === family());
  tray.hidden = !mine.length;
  shelf.replaceChildren(...mine.map(one => {
    const back = make('button', {type: 'button', className: 'shot', title: `Back to snapshot ${one.number}`}, one.picture,
      make('span', {textContent: one.number}));
    back.setAttribute('aria-label', `Back to snapshot ${one.number}`);
    back.addEventListener('click', () => once(() => {
      stopAnimation();
      restore({...one.state, locks: copy(state.locks), named: copy(state.named)});
      say(`Snapshot ${one.number}.`);
    }));
    const drop = button({sign: 'close', kind: 'drop', title: `Delete snapshot ${one.number}`, act: () => {
      kept.splice(kept.indexOf(one), 1);
      showTray();
    }});
    return make('div', {className: 'kept'}, back, drop);
  }));
  blendRow.hidden = mine.length < 2;
  const options = () => mine.map(one => make('option', {value: one.number, textContent: one.number}));
  blendEnds.forEach((select, place) => {                      // the last two, unless two were chosen
    const before = +select.value;
    select.replaceChildren(...options());
    select.value = (mine.find(one => one.number === before && mine.length > 2) ?? mine.at(place - 2) ?? mine[0])?.number ?? '';
  });
  fillBlend();
  rest();
}
function fillBlend() { blendRange.style.setProperty('--at', `${blendRange.value * 100}%`); }
// A straight line between two codes of every model; locked latents stay.
function blend(share) {
  const [from, to] = blendEnds.map(select => kept.find(one => one.number === +select.value)?.state);
  if (!from || !to) return;
  turn++;
  state.photo[family()] ||= from.photo[family()] || to.photo[family()];
  for (const name of relatives()) {
    const mixed = from.codes[name].map((value, k) => rounded(value + share * (to.codes[name][k] - value)));
    state.codes[name] = keepingLocks(name, mixed);
    models[name].latents.forEach(l => show(name, l.index));
  }
  want(state.shown);
}
blendRange.addEventListener('pointerdown', () => gesture());
blendRange.addEventListener('input', () => { gesture('blend'); fillBlend(); blend(+blendRange.value); });
blendRange.addEventListener('change', () => endGesture());
