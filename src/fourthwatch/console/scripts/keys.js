// The keyboard: `/` searches, `j` and `k` move in a list, Enter opens, `o` opens the whole order, `x` marks, `r` goes to the reason and
// Escape out of it, `a` `d` `h` decide, `u` takes back, `c` claims.
const TYPED = "input:not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable]";
const isTyping = (element) => element?.closest?.(TYPED) != null;

function rows() {
  return [...document.querySelectorAll("[data-row]")];
}

function chosen() {
  return document.querySelector('[data-row][aria-selected="true"]');
}

function choose(step) {
  const all = rows();
  if (all.length === 0) return;
  const at = all.indexOf(chosen());
  const next = all[Math.min(all.length - 1, Math.max(0, at === -1 ? 0 : at + step))];
  all.forEach((row) => row.setAttribute("aria-selected", String(row === next)));
  const link = next.querySelector("a[data-open]");
  link?.focus({ preventScroll: true });
  next.scrollIntoView({ block: "nearest" });
  if (document.querySelector("[data-panel]")) link?.click();
}

const ACTS = {
  j: () => choose(1),
  k: () => choose(-1),
  x: () => { const box = chosen()?.querySelector("input[type=checkbox]"); if (box) box.click(); },
  o: () => { const link = document.querySelector("a[data-full]"); if (link) location.assign(link.href); },
  r: () => document.querySelector(".decide input[name=reason]")?.focus(),
};
// While the order beside the list is on its way, the one before stands there still: what is struck meanwhile is meant for the new one.
let coming = null;
let meant = null;
const ABOUT_THE_ORDER = new Set(["a", "d", "h", "u", "c", "o", "r"]);

function listenToThePanel() {
  document.body.addEventListener("htmx:beforeRequest", ({ detail }) => {
    if (detail.target?.matches?.("[data-panel]")) [coming, meant] = [detail.xhr, null];
  });
  document.body.addEventListener("htmx:afterRequest", ({ detail }) => {
    if (detail.xhr !== coming) return;
    const key = detail.successful ? meant : null;
    coming = meant = null;
    if (key) ACTS[key]();
  });
  // A refusal, or the form to sign in: it has no list to put in place of the one that stands there, and is shown as a page.
  document.body.addEventListener("htmx:beforeSwap", ({ detail }) => {
    if (!detail.target?.matches?.("[data-panel]") || detail.serverResponse.includes("data-panel")) return;
    detail.shouldSwap = false;
    location.assign(detail.pathInfo.finalRequestPath);
  });
}

for (const key of ["a", "d", "h", "u", "c"]) {
  ACTS[key] = () => {
    const button = document.querySelector(`[data-key="${key}"]`);
    if (!button) return;
    button.focus();
    button.click();
  };
}

export function listenToKeys() {
  listenToThePanel();
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && event.target.matches?.(".decide input[name=reason]")) event.target.blur();
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.composedPath()[0]) || document.querySelector("dialog[open]")) return;
    if (event.key === "/") {
      document.getElementById("find")?.focus();
      event.preventDefault();
    } else if (Object.hasOwn(ACTS, event.key)) {
      if (coming && ABOUT_THE_ORDER.has(event.key)) meant = event.key;
      else ACTS[event.key]();
      event.preventDefault();
    }
  });
}
