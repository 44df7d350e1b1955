// ---- the buttons ---------------------------------------------------------------------------------
const bar = {};                                               // those that others need
bar.data = choice('data', 'Data', props.families.map(f => [f.name, f.title]), props.families[0]?.name, name => showFamily(name));
bar.random = button({id: 'random', sign: 'dice', words: 'Random', title: 'Drawn from the prior (R)', act: () => commands.random()});
bar.real = button({id: 'real', sign: 'person', words: 'From the data', title: 'One that the models were not trained on', act: () => commands.real()});
bar.reset = button({id: 'reset', sign: 'zero', words: 'Reset', kind: 'short', title: 'Every slider to zero, the middle', act: () => commands.reset()});
bar.paste = button({id: 'paste-into', sign: 'person', words: 'Paste back', kind: 'strong', title: 'Put this face back into your photo', act: () => trigger('submit')});
after.push(() => { bar.paste.hidden = !state.photo[family()]; });
bar.undo = button({id: 'undo', sign: 'undo', title: 'Undo (U)', act: undo});
bar.redo = button({id: 'redo', sign: 'redo', title: 'Redo (Shift+Ctrl+Z)', act: redo});
bar.keep = button({id: 'keep', sign: 'keep', words: 'Keep', kind: 'short', title: 'Keep a snapshot (K)', act: keep});
bar.animate = button({id: 'animate', sign: 'play', words: 'Animate', kind: 'short', title: 'A slider to and fro (A)', act: () => togglePlayer()});
bar.animate.setAttribute('aria-expanded', 'false');
bar.link = button({id: 'link', sign: 'link', words: 'Link', kind: 'short strong', title: 'Copy a link to this picture (S)', act: copyLink});
bar.output = choice('output', 'Picture', [['sharp', 'sharp'], ['mean', 'average'], ['sample', 'one random draw']], state.output,
  output => once(() => { state.output = output; showSharp(); want(state.shown); }));
const all = make('input', {type: 'checkbox', id: `${element.id || 'board'}-strips`});
all.addEventListener('change', () => { wide = all.checked; root.classList.toggle('wide', wide); rest(); });

const item = (words, act) => button({words, act: () => { save.box.hidePopover(); save.opener.focus(); act(); }});
const pictureItems = make('div', {className: 'items'});
const save = menu({id: 'save', sign: 'save', words: 'Save', kind: 'short', title: 'Save or open'},
  make('p', {className: 'head', textContent: 'Picture'}), pictureItems, item('Both with their names, PNG', saveBoard), item('Traversals as in the paper, PNG', saveFigure),
  make('p', {className: 'head', textContent: 'Animation of the slider in hand'}),
  make('div', {className: 'items row'}, ...['GIF', 'WebP', 'MP4'].map(title => item(title, () => saveAnimation(title.toLowerCase(), title)))),
  make('p', {className: 'head', textContent: 'Codes'}), item('Save as JSON', saveCodes), item('Open JSON …', () => chooser.click()), item('As Python …', showPython));
const view = menu({id: 'view', sign: 'view', words: 'View', kind: 'short', title: 'What is shown'}, bar.output, sharpening,
  make('label', {className: 'tick', htmlFor: all.id}, all, make('span', {textContent: 'Show all previews'})));
bar.help = button({id: 'help', words: '?', kind: 'round', title: 'How to play', act: help});
bar.help.setAttribute('aria-label', 'How to play');
const group = (...nodes) => make('div', {className: 'group'}, ...nodes);
const toolbar = make('div', {className: 'bar'}, bar.data, group(bar.paste, bar.random, bar.real, bar.reset), group(bar.undo, bar.redo, bar.keep),
  group(bar.animate, bar.link, save.holder, view.holder, bar.help));
toolbar.setAttribute('role', 'group');
toolbar.setAttribute('aria-label', 'Controls');
bar.paste.hidden = true;
bar.data.hidden = props.families.length < 2;

// The words of what is shown now.
function showWords() {
  check(bar.data, family());
  bar.random.querySelector('span').textContent = `Random ${word()}`;
  bar.real.querySelector('span').replaceChildren(make('span', {className: 'roomy', textContent: `A ${word()} from`}), make('span', {className: 'tight', textContent: 'From'}), ' the data');
  bar.real.setAttribute('aria-label', `A ${word()} from the data`);
  pictureItems.replaceChildren(...state.shown.map(n => item(`${models[n].title}, PNG`, () => savePicture(n))));
  if (!player.hidden) { stopAnimation(); fillWhich(); }
  showTray();
}
