// Gradio asks the browser for the camera and lets what goes wrong fall, so that a click does
// nothing: here it is said.
const reasons = {
  NotFoundError: "No camera was found. Connect one, or upload a photo.",
  OverconstrainedError: "No camera was found. Connect one, or upload a photo.",
  NotReadableError: "Another program is using the camera. Close it, or upload a photo.",
  NotAllowedError: "The browser was not allowed to use the camera. Allow it, or upload a photo.",
};
const insecure = "The browser gives its camera only to a page with https. Upload a photo.";

window.addEventListener("unhandledrejection", (event) => {
  const { name, message = "" } = event.reason ?? {};
  const said = /getUserMedia|enumerateDevices/.test(message) && !navigator.mediaDevices
    ? insecure
    : reasons[name];
  if (!said) return;
  event.preventDefault();
  const line = Object.assign(document.createElement("p"), { className: "notice wrong" });
  line.setAttribute("role", "status");
  line.textContent = said;
  element.replaceChildren(line);
});
