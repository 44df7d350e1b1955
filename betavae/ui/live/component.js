// What the live components share; put before each one's own script.
const RETRY = 1000;                                           // milliseconds
const PATIENCE = 8000;
const SIZE = 256;                                             // a picture has 64 pixels: the canvas smooths

function make(tag, properties = {}, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
}

async function load(uri) {
  const image = new Image();
  image.src = uri;
  await image.decode();
  return image;
}

// Twice by two is smoother than once by four: the browser's bilinear filter shows its grid.
const half = make('canvas', {width: SIZE / 2, height: SIZE / 2});
function enlarge(image, canvas) {
  half.getContext('2d').drawImage(image, 0, 0, SIZE / 2, SIZE / 2);
  canvas.getContext('2d').drawImage(half, 0, 0, SIZE, SIZE);
}

// Gradio answers a lost network with nothing, and a question may hang: both are failures.
function answered(question, patience = PATIENCE) {
  let clock;
  const late = new Promise((_, reject) => {
    clock = setTimeout(() => reject(new Error('no answer in time')), patience);
  });
  return Promise.race([question, late]).finally(() => clearTimeout(clock)).then(answer => {
    if (!answer) throw new Error('no answer');
    return answer;
  });
}

// Newest wins: at most `inFlight` questions under way, each asked with the state of now; a wish made
// meanwhile is asked when there is room. `draw(answer, newer, since)` puts an answer on the page; just
// before it paints a part it asks `newer(part)`, which says no when a later answer was there first.
// A question that fails is asked again a second later, with the state of then.
function newestWins(inFlight, ask, draw, fail) {
  let wished = 0, asked = 0, busy = 0, sent = 0, retry = null;
  const drawn = {};
  function pump() {
    while (wished > asked && busy < inFlight) {
      const sequence = ++sent, since = wished;
      const newer = (part = '') => sequence >= (drawn[part] ?? 0) && Boolean(drawn[part] = sequence);
      asked = wished;
      busy++;
      answered(ask())
        .then(answer => draw(answer, newer, since))
        .catch(() => {
          fail();
          retry ??= setTimeout(() => { retry = null; wish(); }, RETRY);
        })
        .finally(() => { busy--; pump(); });
    }
  }
  function wish() { wished = Math.max(performance.now(), wished + 1e-3); pump(); }
  return wish;
}
