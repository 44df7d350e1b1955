// What the live components share; put before each one's own script.
const RETRY = 1000;                                           // milliseconds
const LOST = 60_000;                                          // then nobody waits for an answer any more
const SLOW = 250, QUICK = 150;                                // an answer's time over a slow line, a quick one
const PROMPT = 33;                                            // and one of which two at a time are sixty a second
const SIZE = 256;                                             // a picture has 64 pixels: the canvas smooths

const decimals = value => value.toFixed(2).replace('-', '−');   // with a true minus sign
function make(tag, properties = {}, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
}

// A picture of a data URI, as a bitmap, which can be closed: an <img> a frame waits for the browser.
function load(uri) {
  const [head, data] = uri.split(',');
  const bytes = Uint8Array.from(atob(data), letter => letter.charCodeAt(0));
  return createImageBitmap(new Blob([bytes], {type: head.slice(5, head.indexOf(';'))}));
}

// The bitmap is used up. Twice by two is smoother than once by four: the browser's bilinear filter shows its grid.
const half = make('canvas', {width: SIZE / 2, height: SIZE / 2});
function enlarge(image, canvas) {
  half.getContext('2d').drawImage(image, 0, 0, SIZE / 2, SIZE / 2);
  canvas.getContext('2d').drawImage(half, 0, 0, SIZE, SIZE);
  image.close();
}

// A sheet of previews, a data URI, as the background of what `selector` finds. Not as a blob: the browser
// keeps those that it has drawn for minutes, 30 MB a minute (tests/benchmarks/browser_memory.py). And in a
// rule, because a property as long as that, inherited by each row, takes ten times as long.
const sheets = {};                                            // a <style> a model
async function hangSheet(name, selector, uri) {
  const image = Object.assign(new Image(), {src: uri});
  await image.decode();
  sheets[name] ??= root.appendChild(make('style'));
  sheets[name].textContent = `${selector} { background-image: url("${uri}") !important; }`;
  return image.width;
}

// Gradio answers a lost network with nothing, and a question may hang: both are failures. An answer that
// is late is waited for, because to ask again would only make it later: `late` is called, once.
function answered(question, patience = LOST, late = () => {}) {
  let clock;
  const never = new Promise((_, reject) => {
    clock = setTimeout(() => reject(new Error('no answer in time')), patience);
  });
  const soon = setTimeout(late, props.patience);
  return Promise.race([question, never]).finally(() => { clearTimeout(clock); clearTimeout(soon); }).then(answer => {
    if (!answer) throw new Error('no answer');
    return answer;
  });
}

// Newest wins: at most `inFlight` questions under way, each asked with the state of now; a wish made
// meanwhile is asked when there is room. `draw(answer, newer, since)` puts an answer on the page; just
// before it paints a part it asks `newer(part)`, which says no when a later answer was there first.
// A question that fails is asked again a second later, with the state of then. `wish.slow()` says whether
// the line is slow: then a few more questions are under way, because each is on its way for long; where
// answers come soon one fewer, which would only wait. What the server needs itself, `busy`, does not count: more
// questions would only keep it busier.
function newestWins(inFlight, ask, draw, fail, late) {
  let wished = 0, asked = 0, busy = 0, sent = 0, retry = null, took = 0, whole = 0, slow = false;
  const drawn = {};
  function timed(milliseconds, server) {                      // running averages
    whole += (milliseconds - whole) * (whole ? .3 : 1);
    took += (milliseconds - server - took) * (took ? .3 : 1);
    slow = took > (slow ? QUICK : SLOW);
  }
  function pump() {
    const room = inFlight < 2 ? inFlight : slow ? inFlight + 2 : whole < PROMPT ? inFlight - 1 : inFlight;
    while (wished > asked && busy < room) {
      const sequence = ++sent, since = wished, began = performance.now();
      const newer = (part = '') => sequence >= (drawn[part] ?? 0) && Boolean(drawn[part] = sequence);
      asked = wished;
      busy++;
      const over = () => { busy--; pump(); };
      let drawing = false;
      answered(ask(), LOST, late)
        .then(answer => {
          timed(performance.now() - began, answer.busy ?? 0);
          drawing = inFlight > 1;
          if (drawing) over();                                // the next one is asked before this one is drawn
          return draw(answer, newer, since);
        })
        .catch(() => {
          fail();
          retry ??= setTimeout(() => { retry = null; wish(); }, RETRY);
        })
        .finally(() => { if (!drawing) over(); });
    }
  }
  function wish() {
    wished = Math.max(performance.now(), wished + 1e-3);
    queueMicrotask(pump);                                     // wishes of one moment are one question
  }
  wish.slow = () => slow;
  wish.fulfilled = () => { asked = wished; };                 // by what was there already
  return wish;
}
