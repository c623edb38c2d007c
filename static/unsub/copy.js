// Copies what stands beside a button, and says so on it.
(() => {
  for (const button of document.querySelectorAll("[data-copy]")) {
    const label = button.textContent;
    button.addEventListener("click", async () => {
      const text = document.getElementById(button.dataset.copy);
      try {
        await navigator.clipboard.writeText(text.textContent);
        button.textContent = "\u2713";
      } catch {
        // No clipboard over plain http: select it instead.
        getSelection().selectAllChildren(text);
      }
      setTimeout(() => { button.textContent = label; }, 1500);
    });
  }
})();
