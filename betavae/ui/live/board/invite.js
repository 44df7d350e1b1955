// ---- what to do first: drag; and then: send a link ------------------------------------------------
// Said once a visit, by the first slider and by the button, and never over something newer.
const DRAG = 'Drag a slider. ', SEND = 'Link copies an address that shows this very picture.';
let invited = 'drag';
root.classList.add('new');
function moved() {                                            // a slider, by the visitor
  if (invited !== 'drag') return;
  invited = 'send';
  root.classList.remove('new');
}
after.push(() => {
  if (invited !== 'send' || root.querySelector('input:active')) return;
  invited = '';
  bar.link.classList.add('beckons');
  const asking = status.textContent.startsWith(DRAG);
  for (const each in notes) notes[each] = notes[each].replace(DRAG, '');
  if (asking) say(notes[family()] = SEND);
});
