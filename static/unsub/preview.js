// Shows the page anew, shortly after somebody stopped typing. Without it there is a button.
(() => {
  const form = document.querySelector("form[data-preview]");
  if (!form) return;
  let waiting;
  const show = () => {
    const [action, target] = [form.action, form.target];
    form.action = form.dataset.preview;
    form.target = "preview";
    HTMLFormElement.prototype.submit.call(form);
    form.action = action;
    form.target = target;
  };
  form.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(show, 300);
  });
  show();
})();
