// ---- the same picture, coded again at each β -------------------------------------------------------
// Its page has `desk`: follow(name), which shows the code that came; want(name), which asks for the
// picture of the code as it is; show(name), which shows β; drawn(asked), which says that there is one.
const origins = {};                                           // {code, beta, last}: the picture that is coded again, and its newest code
let turned = null;                                            // the model that was turned last
const askTurned = newestWins(props.in_flight, () => {
  const name = turned, {code, beta} = origins[name];
  return server.turn({model: name, code, before: beta, beta: state.betas[name], seed: state.draws ? state.seed : null})
    .then(answer => answer && {...answer, name, origin: origins[name]});
}, drawTurned, () => say('The server does not answer; the picture is not up to date.', true));
async function drawTurned(answer, newer, asked) {
  if (answer.error) return say(answer.error, true);
  const {name} = answer, image = await load(answer.picture);
  if (answer.origin !== origins[name] || !newer(name)) return; // another face has come meanwhile
  state.codes[name] = answer.code.map(value => Math.round(value * 100) / 100 + 0);
  answer.origin.last = state.codes[name].slice();
  desk.follow(name);
  enlarge(image, screens[name]);
  root.dataset.turns = +(root.dataset.turns ?? 0) + 1;
  desk.drawn(asked);
}
function turnTo(name, beta) {
  const before = state.betas[name], origin = origins[name];
  if (!origin?.last || origin.last.some((value, k) => value !== state.codes[name][k]))   // moved by hand meanwhile
    if (!origin || origin.last) origins[name] = {code: state.codes[name].slice(), beta: before};
  state.betas[name] = beta;
  turned = name;
  desk.show(name);
  if (state.held) desk.want(name); else askTurned();
}
// A face has come, coded at the β that its model is shown at first: here it is coded at today's.
// -> the models whose pictures come that way.
function arrive(which) {
  return which.filter(name => {
    if (!isDial(name)) return false;
    const home = models[name].dial.beta;
    origins[name] = {code: state.codes[name].slice(), beta: home};
    if (state.betas[name] === home || !state.shown.includes(name) || state.held) return false;
    turnTo(name, state.betas[name]);
    return true;
  });
}
