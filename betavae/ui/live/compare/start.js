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
// For the lab: models that the visitor has trained, and which two are to be compared.
root.admit = (described, pair) => {
  for (const model of described) {
    models[model.name] = model;
    const members = families[model.family].models;
    if (!members.includes(model.name)) members.push(model.name);
  }
  seen.disconnect();
  state.family = familyOf(pair[0]);
  state.asked = pair;
  check(chosen, state.family);
  ask();
};
const familyOf = name => Object.values(families).find(f => f.models.includes(name)).name;
