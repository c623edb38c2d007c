// Goes on to the next step of an act on many rows. Without it there is a button.
for (const form of document.querySelectorAll("form[data-steps]")) {
  setTimeout(() => form.submit(), 50);
}
