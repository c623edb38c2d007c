// Shows how far an import is, without a reload. Its end is shown by loading the page once more.
(() => {
  const id = "import-state";
  const again = async () => {
    const old = document.getElementById(id);
    if (old?.dataset.live !== "yes") return;
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
      if (answer.redirected || !answer.ok) return;
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const now = page.getElementById(id);
      if (now?.dataset.live !== "yes") {
        location.reload();
        return;
      }
      // A button that has the focus stays where it is.
      if (!old.contains(document.activeElement)) old.replaceWith(now);
    } catch {
      // The network is away: it is tried again.
    }
    setTimeout(again, 2000);
  };
  setTimeout(again, 1000);
})();
