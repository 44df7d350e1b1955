// The photo. Gradio runs this once, with `element`, `props`, `watch` and `trigger`.
const root = element.querySelector('.face');
const SOON = 120;                                             // milliseconds between crops while dragging
const square = {x: 0, y: 0, side: 0, tilt: 0};                // its middle, in pixels of the photo
let size = [1, 1], dragged = null, timer = null;

const picture = make('img', {alt: 'Your photo', draggable: false});
const boxes = make('div', {className: 'boxes'});
const crop = make('div', {className: 'square', tabIndex: 0},
  make('i', {className: 'turn', title: 'Turn'}), make('i', {className: 'size', title: 'Scale'}));
crop.setAttribute('role', 'group');
crop.setAttribute('aria-label', 'What the models see. Arrows move the square, plus and minus scale it, comma and full stop turn it.');
const field = make('div', {className: 'field'}, picture, boxes, crop);
const another = button({sign: 'reset', words: 'Another photo', act: () => trigger('clear')});
const hint = make('p', {className: 'reading', textContent: 'Click a face to choose it. Drag the square to crop by hand: its corner scales it, its knob turns it.'});
const photo = make('figure', {className: 'photo', hidden: true}, field, make('div', {className: 'under'}, another, hint));

function placeSquare() {
  const [wide, high] = size, {x, y, side, tilt} = square;
  Object.assign(crop.style, {
    left: `${(x - side / 2) / wide * 100}%`, top: `${(y - side / 2) / high * 100}%`,
    width: `${side / wide * 100}%`, transform: `rotate(${tilt}deg)`,
  });
}
// The newest wish wins: one is under way at a time, and what the hand did meanwhile comes after it.
// (Gradio's own "always_last" forgets what the event said.)
let wish = null, under = null;
function ask(what) {
  wish = what;
  if (under) return;
  trigger('input', wish());
  wish = null;
  under = setTimeout(answeredNow, LOST);
}
function answeredNow() {
  clearTimeout(under);
  under = null;
  if (wish) ask(wish);
}
function cropSoon() {
  timer ??= setTimeout(() => {
    timer = null;
    ask(() => ({square: [square.x, square.y, square.side, square.tilt]}));
  }, SOON);
}
function inPhoto(event) {
  const box = field.getBoundingClientRect();
  return [(event.clientX - box.left) / box.width * size[0], (event.clientY - box.top) / box.height * size[1]];
}
crop.addEventListener('pointerdown', event => {
  const [x, y] = inPhoto(event);
  dragged = {how: event.target.className, dx: square.x - x, dy: square.y - y};
  crop.setPointerCapture(event.pointerId);
  crop.focus();
  event.preventDefault();
});
crop.addEventListener('pointermove', event => {
  if (!dragged) return;
  const [x, y] = inPhoto(event), across = x - square.x, down = y - square.y;
  if (dragged.how === 'size') square.side = limited(Math.hypot(across, down) * Math.SQRT2);
  else if (dragged.how === 'turn') square.tilt = Math.round(Math.atan2(across, -down) * 180 / Math.PI);
  else [square.x, square.y] = [x + dragged.dx, y + dragged.dy].map((at, k) => Math.max(0, Math.min(size[k], at)));
  placeSquare();
  cropSoon();
});
for (const over of ['pointerup', 'pointercancel']) crop.addEventListener(over, () => {
  if (!dragged) return;
  dragged = null;
  cropSoon();
});
function limited(side) { return Math.max(.05 * Math.min(...size), Math.min(2.4 * Math.min(...size), side)); }
crop.addEventListener('keydown', event => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const step = (event.shiftKey ? .002 : .01) * Math.min(...size);
  const [across, down] = {ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step]}[event.key] ?? [0, 0];
  const scale = {'+': 1.03, '=': 1.03, '-': 1 / 1.03}[event.key] ?? 1, turn = {',': -1, '.': 1}[event.key] ?? 0;
  if (!across && !down && scale === 1 && !turn) return;
  event.preventDefault();
  event.stopPropagation();
  square.x = Math.max(0, Math.min(size[0], square.x + across));
  square.y = Math.max(0, Math.min(size[1], square.y + down));
  square.side = limited(square.side * scale);
  square.tilt += turn;
  placeSquare();
  cropSoon();
});
function showBoxes(found, chosen) {
  boxes.replaceChildren(...found.map(([left, top, right, bottom], k) => {
    const box = make('button', {type: 'button', className: 'box', textContent: k + 1});
    box.setAttribute('aria-label', `Face ${k + 1} of ${found.length}`);
    box.setAttribute('aria-pressed', String(k === chosen));
    const [wide, high] = size;
    Object.assign(box.style, {left: `${left / wide * 100}%`, top: `${top / high * 100}%`,
      width: `${(right - left) / wide * 100}%`, height: `${(bottom - top) / high * 100}%`});
    box.addEventListener('click', () => ask(() => ({face: k})));
    return box;
  }));
  boxes.hidden = found.length < 2;
}
