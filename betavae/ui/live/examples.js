// Faces to click. Gradio runs this once, with `element`, `props` and `trigger`.
element.querySelector('.examples').append(make('p', {textContent: 'Or try one of these'}), ...props.examples.map(({uri, name}, k) => {
  const button = make('button', {type: 'button'}, make('img', {src: uri, alt: name}));
  button.addEventListener('click', () => trigger('select', {example: k}));
  return button;
}));
