// ---- the page ----------------------------------------------------------------------------------------
const tools = make('div', {className: 'tools'}, chosen, ...pickers, start, another, back);
tools.setAttribute('role', 'group');
tools.setAttribute('aria-label', 'What is compared');
root.append(tools, verdict, status, factorsBox, pairs, boxes);
boxes.before(pairsBox);
pairsBox.hidden = true;
// Nothing is asked before the tab is opened.
const seen = new IntersectionObserver(entries => {
  if (!entries.some(entry => entry.isIntersecting)) return;
  seen.disconnect();
  ask();
});
seen.observe(root);
number.style.setProperty('--at', '0%');
