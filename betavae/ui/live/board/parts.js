// ---- small parts: icons, buttons, menus ------------------------------------------------------
const ICONS = {                                               // strokes on a grid of 24
  undo: 'M9 14 4 9l5-5M4 9h10a6 6 0 0 1 0 12h-3', redo: 'm15 14 5-5-5-5M20 9H10a6 6 0 0 0 0 12h3',
  reset: 'M3 12a9 9 0 1 0 3-6.7L3 8M3 3v5h5', play: 'm7 4 13 8-13 8z', pause: 'M8 4v16M16 4v16',
  lock: 'M6 11h12v10H6zM8.5 11V7.5a3.5 3.5 0 0 1 7 0V11', open: 'M6 11h12v10H6zM8.5 11V7.5a3.5 3.5 0 0 1 6.6-1.6',
  keep: 'M6 3h12v18l-6-4.5L6 21z', link: 'M10 14a4.5 4.5 0 0 0 6.4 0l3.2-3.2a4.5 4.5 0 0 0-6.4-6.4L12 5.6M14 10a4.5 4.5 0 0 0-6.4 0l-3.2 3.2a4.5 4.5 0 0 0 6.4 6.4l1.2-1.2',
  save: 'M12 3v12M7 10l5 5 5-5M4 20h16', view: 'M4 7h10M18 7h2M4 17h2M10 17h10M14 4v6M6 14v6', close: 'M6 6l12 12M18 6 6 18',
  dice: 'M4 4h16v16H4zM9 9h.01M15 15h.01M15 9h.01M9 15h.01', person: 'M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4.5 20a7.5 7.5 0 0 1 15 0',
  zero: 'M12 4v4M12 16v4M4 12h4M16 12h4M12 12h.01', pencil: 'm4 20 1-4L16 5l3 3L8 19z',
};
function icon(name) {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('aria-hidden', 'true');
  const path = document.createElementNS('http://www.w3.org/2000/svg', 'path');
  path.setAttribute('d', ICONS[name]);
  svg.append(path);
  return svg;
}
// A button with an icon, its words, or both; `title` is the tip, and its name where it has no words.
function button({sign, words, title, id, kind = '', act}) {
  const node = make('button', {type: 'button', className: kind, title: title ?? ''});
  if (id) node.id = id;
  if (sign) node.append(icon(sign));
  if (words) node.append(make('span', {textContent: words}));
  if (!words || kind.includes('short')) node.setAttribute('aria-label', words ?? title);
  node.addEventListener('click', event => act(event));
  return node;
}
function sign(node, name) { node.querySelector('svg').replaceWith(icon(name)); }

// A button that opens a box under it, which closes on Escape, on a click elsewhere, and when the
// focus leaves it.
function menu(options, ...content) {
  const box = make('div', {className: 'menu', popover: 'auto'}, ...content);
  const opener = button({...options, act: () => box.togglePopover()});
  opener.popoverTargetElement = box;                          // else the click that closes would open it again
  opener.addEventListener('click', event => event.preventDefault());
  opener.setAttribute('aria-expanded', 'false');
  box.addEventListener('toggle', event => {
    const open = event.newState === 'open';
    opener.setAttribute('aria-expanded', String(open));
    if (!open) return;
    const under = opener.getBoundingClientRect();
    box.style.top = `${Math.min(under.bottom + 6, innerHeight - box.offsetHeight - 8)}px`;
    box.style.left = `${Math.max(8, Math.min(under.left, innerWidth - box.offsetWidth - 8))}px`;
  });
  const holder = make('div', {className: 'opens'}, opener, box);
  holder.addEventListener('focusout', event => {
    if (event.relatedTarget && !holder.contains(event.relatedTarget)) box.hidePopover();
  });
  return {holder, opener, box};
}

// Radio buttons in one line that look like a switch: a group for the keyboard and for screen readers.
function choice(id, legend, options, chosen, act) {
  const group = make('fieldset', {id, className: 'choice'}, make('legend', {textContent: legend}));
  for (const [value, text] of options) {
    const radio = make('input', {type: 'radio', name: `${element.id || 'board'}-${id}`, value, checked: value === chosen});
    radio.addEventListener('change', () => act(value));
    group.append(make('label', {}, radio, make('span', {textContent: text})));
  }
  return group;
}
function check(group, value) {
  for (const radio of group.querySelectorAll('input')) radio.checked = radio.value === value;
}
