// The form of a business unit: its sections as tabs, and the answer to a color as it is chosen.
// Without it all sections are shown below one another.
(() => {
  const list = document.getElementById("unit-tabs");
  if (!list) return;
  const tabs = [...list.querySelectorAll("[role=tab]")];
  const panel = (tab) => document.getElementById(tab.getAttribute("aria-controls"));

  function select(tab, { focus = false, keep = false } = {}) {
    for (const one of tabs) {
      const chosen = one === tab;
      one.setAttribute("aria-selected", String(chosen));
      one.tabIndex = chosen ? 0 : -1;
      panel(one).hidden = !chosen;
    }
    if (focus) tab.focus();
    if (!keep) history.replaceState(null, "", `#${panel(tab).id}`);
  }

  // The preview shows the page that the section is about.
  function preview(page) {
    const choice = document.querySelector("select[name=page]");
    if (!choice || !page || choice.value === page) return;
    choice.value = page;
    choice.dispatchEvent(new Event("input", { bubbles: true }));
  }

  // A fragment names a section, or a field in one.
  function follow() {
    const there = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const tab = there && tabs.find((one) => panel(one).contains(there));
    if (!tab) return false;
    select(tab, { keep: true });
    there.closest("details")?.setAttribute("open", "");
    if (there !== panel(tab)) {
      there.scrollIntoView({ block: "center" });
      there.focus({ preventScroll: true });
    }
    return true;
  }

  list.hidden = false;
  for (const one of tabs) {
    panel(one).setAttribute("role", "tabpanel");
    panel(one).setAttribute("aria-labelledby", one.id);
    one.addEventListener("click", () => {
      select(one);
      preview(one.dataset.page);
    });
  }
  list.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const at = tabs.indexOf(document.activeElement);
    if (step && at >= 0) select(tabs[(at + step + tabs.length) % tabs.length], { focus: true });
  });
  window.addEventListener("hashchange", follow);
  // After saving, the same section is shown: a redirect keeps the fragment.
  list.closest("form").addEventListener("submit", (event) => {
    event.target.setAttribute("action", location.pathname + location.search + location.hash);
  });
  const wrong = tabs.find((one) => "errors" in one.dataset);
  if (wrong || !follow()) select(wrong || tabs[0], { keep: true });

  // The color: a picker beside the text, and what WCAG says of white text on it.
  const text = document.getElementById("id_accent");
  if (!text) return;
  const channels = (color) => [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16));
  const luminance = (color) => {
    const [red, green, blue] = channels(color)
      .map((value) => value / 255)
      .map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const contrast = (color) => 1.05 / (luminance(color) + 0.05);
  const darker = (color, share) =>
    "#" + channels(color).map((value) => Math.round(value * (1 - share)).toString(16).padStart(2, "0")).join("");
  const readable = (color) => {
    for (let step = 0; step < 50; step += 1) {
      const one = darker(color, step / 50);
      if (contrast(one) >= 4.5) return one;
    }
    return "#000000";
  };

  const picker = document.createElement("input");
  picker.type = "color";
  picker.className = "unsub-color";
  picker.setAttribute("aria-label", text.dataset.pick);
  const answer = document.createElement("output");
  answer.className = "unsub-soft";
  answer.htmlFor = text.id;
  const both = document.createElement("span");
  both.className = "unsub-picked";
  text.before(both);
  both.append(picker, text);
  both.after(answer);

  function show() {
    const color = text.value.trim();
    if (!/^#[0-9a-f]{6}$/i.test(color)) {
      answer.textContent = "";
      return;
    }
    picker.value = color.toLowerCase();
    const good = contrast(color) >= 4.5;
    answer.textContent = (good ? text.dataset.good : text.dataset.bad)
      .replace("{ratio}", contrast(color).toFixed(1)).replace("{near}", readable(color));
    answer.classList.toggle("unsub-error", !good);
  }
  picker.addEventListener("input", () => {
    text.value = picker.value;
    text.dispatchEvent(new Event("input", { bubbles: true }));
  });
  text.addEventListener("input", show);
  show();
})();
