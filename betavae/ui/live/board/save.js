// ---- save: pictures, animations, the figure, the codes, the lines of Python ------------------------
const INK = '#1e293b', QUIET = '#64748b', PAPER = '#ffffff', SANS = 'ui-sans-serif, system-ui, sans-serif';

function download(uri, file) {
  const link = make('a', {href: uri, download: file});
  root.append(link);
  link.click();
  link.remove();
}
async function fetched(kind, name, latents) {
  const answer = await answered(server.save({kind, model: name, betas: betasOf([name]), code: state.codes[name].slice(), output: state.output, seed: state.seed, details: detailsOf([name]), latents}), 60_000);
  if (answer.error) throw new Error(answer.error);
  return answer.file;
}
async function saving(what, act) {
  stopAnimation();
  say(`Making ${what} …`);
  try {
    await act();
    say(`Saved ${what}.`);
  } catch (error) {
    say(error.message === 'no answer' || error.message === 'no answer in time' ? 'The server does not answer; nothing was saved.' : error.message, true);
  }
}
function savePicture(name) {
  saving(`the picture of ${models[name].title}`, async () => download(await fetched('png', name), `${name}.png`));
}
// The lens's latents, or all in use: what the player has been told to move.
function saveAnimation(kind, title) {
  if (player.hidden) which.replaceChildren();                 // the latent under the hand
  const [name, latents] = aim();
  const what = latents.length > 1 ? 'all sliders in turn' : `“${noun(name, latentOf(name, latents[0]))}”`;
  saving(`${what} as ${title}`, async () =>
    download(await fetched(kind, name, latents), `${name}-${latents.length > 1 ? 'all' : `z${latents[0]}`}.${kind}`));
}
function sheet(width, height) {
  const canvas = make('canvas', {width, height}), pen = canvas.getContext('2d');
  pen.fillStyle = PAPER;
  pen.fillRect(0, 0, width, height);
  pen.imageSmoothingQuality = 'high';
  const write = (text, x, y, size, {ink = INK, weight = 400, most} = {}) => {
    pen.font = `${weight} ${size}px ${SANS}`;
    pen.fillStyle = ink;
    pen.fillText(text, x, y, most);
  };
  return {canvas, pen, write};
}
// The pictures side by side, each with its model's name and its farthest latents.
function saveBoard() {
  saving('the board', async () => {
    const images = await Promise.all(state.shown.map(async n => load(await fetched('png', n))));
    const side = state.shown.length > 1 ? 492 : 1000, lines = 5;
    const {canvas, pen, write} = sheet(1024, side + 74 + lines * 26);
    state.shown.forEach((name, place) => {
      const left = 12 + place * (side + 16), most = side - 70;
      pen.drawImage(images[place], left, 12, side, side);
      write(models[name].title, left, side + 46, 24, {weight: 600, most: side});
      activeOf(name).map(l => [l, state.codes[name][l.index]]).sort((a, b) => Math.abs(b[1]) - Math.abs(a[1])).slice(0, lines)
        .forEach(([latent, value], row) => {
          const y = side + 76 + 26 * row;
          write(value.toFixed(2), left, y, 17, {ink: QUIET});
          write(capital(called(name, latent)), left + 64, y, 17, {most});
        });
    });
    download(canvas.toDataURL('image/png'), `${state.shown.join('-and-')}.png`);
  });
}
// The paper's Figure 1 of this face: a row a latent in use, eight values from -3 to 3.
function saveFigure() {
  const name = aimed().model, latents = activeOf(name);
  saving(`the traversals by ${models[name].title}`, async () => {
    const frames = await load(await fetched('sheet', name, latents.map(l => l.index)));
    const step = 76, label = 300, top = 76;
    const {canvas, pen, write} = sheet(label + 8 * step + 24, top + step * latents.length + 12);
    write(`${models[name].title}: each slider in use from −3 to 3`, 16, 38, 22, {weight: 600, most: canvas.width - 32});
    write('the others as they are', 16, 62, 15, {ink: QUIET});
    latents.forEach((latent, row) => {
      write(capital(noun(name, latent)), 16, top + step * row + 32, 17, {weight: 600, most: label - 32});
      write(ends(name, latent), 16, top + step * row + 54, 14, {ink: QUIET, most: label - 32});
      pen.drawImage(frames, 0, 64 * row, 512, 64, label, top + step * row, 8 * step, step);
    });
    download(canvas.toDataURL('image/png'), `${name}-traversals.png`);
  });
}
// ---- codes as a file, and back ------------------------------------------------------------------
function saveCodes() {
  const held = Object.fromEntries(state.shown.map(n => [n, {code: state.codes[n], locked: state.locks[n], names: state.named[n], beta: state.betas[n], details: detailsOf([n])[n]}]));
  const text = JSON.stringify({kind: 'codes', shown: state.shown, output: state.output, models: held}, null, 1);
  download(`data:application/json;charset=utf-8,${encodeURIComponent(text)}`, `${word()}.json`);
  say('Saved the codes.');
}
const chooser = make('input', {type: 'file', accept: 'application/json,.json', hidden: true});
chooser.addEventListener('change', async () => {
  const [file] = chooser.files;
  chooser.value = '';
  if (!file) return;
  try {
    if (file.size > 1e6) throw new Error('it is far too long');
    let held;
    try { held = JSON.parse(await file.text()); } catch { throw new Error('it is no JSON'); }
    if (held?.kind !== 'codes' || !Array.isArray(held.shown) || !held.shown.length || held.shown.length > 2) throw new Error('it is no file of codes that was saved here');
    const found = Object.fromEntries(held.shown.map(n =>
      [n, examined(n, held.models?.[n]?.code, held.models?.[n]?.locked ?? [], held.models?.[n]?.names ?? {}, held.models?.[n]?.beta, held.models?.[n]?.details)]));
    const opened = {shown: agreed(held.shown), found, output: pictured(held.output ?? 'mean')};
    once(() => adopt(opened, `Opened ${file.name}.`));
  } catch (error) {
    say(`This file cannot be opened: ${error.message}.`, true);
  }
});
// ---- the lines that make this picture --------------------------------------------------------------
function python(name) {
  if (isSharp(name)) return sharpPython(name);
  const picture = state.output !== 'sample' ? 'mean[0]' : `sample(torch.Generator().manual_seed(${state.seed}))[0]`;
  const kind = isDial(name) ? 'MultiRateVAE' : 'VAE', at = isDial(name) ? `.at(${+state.betas[name].toFixed(3)})` : '';
  return `import torch
from betavae import ${kind}

vae = ${kind}.from_pretrained("weights/${name}")${at}
code = torch.tensor([[${state.codes[name].join(', ')}]])
picture = vae.decode(code).${picture}
`;
}
function sharpPython(name) {
  return `import torch
from betavae import bundles
from betavae.serving.details import resolve

bundle = bundles.load("${name}")
code = torch.tensor([[${state.codes[name].join(', ')}]])
details = resolve(bundle, "${detailsOf([name])[name]}")
picture = bundle.renderer(code, details[None])[0]
`;
}
function showPython() {
  openDialog('This picture in Python', ...state.shown.flatMap(name => {
    const text = make('pre', {textContent: python(name), tabIndex: 0});
    text.setAttribute('aria-label', `The lines for ${models[name].title}`);
    return [make('h3', {textContent: models[name].title}), text,
      button({words: 'Copy', kind: 'small', act: () => copyText(text.textContent, 'Copied.', 'This picture in Python')})];
  }));
}
