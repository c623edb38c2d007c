// Shows the page anew, shortly after somebody stopped typing. Without it there is a button.
(() => {
  const frame = document.querySelector("iframe[name=preview]");
  const form = document.querySelector("form[data-preview]")
    || document.getElementById(frame?.dataset.form);
  if (!form) return;
  const address = form.dataset.preview || frame.dataset.preview;
  let waiting;
  const show = () => {
    const [action, target] = [form.action, form.target];
    form.action = address;
    form.target = "preview";
    HTMLFormElement.prototype.submit.call(form);
    form.action = action;
    form.target = target;
  };
  // What stands beside the form and belongs to it, too.
  document.addEventListener("input", (event) => {
    if (event.target.form !== form) return;
    clearTimeout(waiting);
    waiting = setTimeout(show, 300);
  });
  show();
})();
