// ---- the page ------------------------------------------------------------------------------------------------
const status = make('p', {className: 'small', textContent: 'The results are coming.', role: 'status'});
const picker = make('p', {className: 'picker'}, make('label', {htmlFor: score.id, textContent: 'Measured by '}), score);
const numbers = make('details', {className: 'numbers', open: true}, make('summary', {}, make('h2', {textContent: 'The numbers'})), tools, count, holder, note);
root.append(status);
async function show() {
  while (!known) {
    try {
      const answer = await answered(server.study({}));
      if (answer.error) throw new Error(answer.error);
      known = answer;
    } catch {
      status.textContent = 'The server does not answer; it is asked again.';
      await new Promise(resolve => { setTimeout(resolve, RETRY); });
    }
  }
  score.append(...known.scores.map(([name, title]) => make('option', {value: name, textContent: title})));
  root.replaceChildren(picker, make('div', {className: 'cards'}, betas.box, cost.box, which.box), numbers);
  showScore();
  showCost();
  buildTools();
  showTable();
}
// Nothing is asked before the tab is opened.
const seen = new IntersectionObserver(entries => {
  if (!entries.some(entry => entry.isIntersecting)) return;
  seen.disconnect();
  show();
});
seen.observe(root);
