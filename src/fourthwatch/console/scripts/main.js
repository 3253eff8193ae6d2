// What every page has: htmx, times in the viewer's own zone, keys, the palette. Without it pages are links and forms.
import "./trust.js";
import htmx from "htmx.org";
import { countMarks, keepMarks } from "./marks.js";
import { showTimes } from "./times.js";
import { listenToKeys } from "./keys.js";
import { listenToPalette } from "./palette.js";

document.documentElement.classList.add("has-scripts");
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
if (zone) document.cookie = `fourthwatch-zone=${encodeURIComponent(zone)}; path=/console; max-age=31536000; samesite=lax`;
window.htmx = htmx;
htmx.config.defaultSettleDelay = 0; // what a key follows works as soon as it is there, and not 20 ms later

async function enliven(root) {
  showTimes(root);
  const pieces = [
    ["[data-chart]", () => import("./chart.js")],
    ["[data-graph]", () => import("./graph.js")],
    ["textarea[data-editor]", () => import("./editor.js")],
  ];
  for (const [selector, load] of pieces) {
    const found = [...(root.matches?.(selector) ? [root] : []), ...root.querySelectorAll(selector)];
    if (found.length > 0) {
      const piece = await load();
      found.forEach((element) => piece.enliven(element));
    }
  }
}

document.addEventListener("htmx:load", (event) => enliven(event.detail.elt));
document.addEventListener("change", (event) => {
  const { target } = event;
  if (target.matches("[data-submit]")) target.form.requestSubmit();
  if (target.matches("[data-check-all]")) {
    for (const box of target.form.querySelectorAll(`input[name="${target.dataset.checkAll}"]`)) box.checked = target.checked;
  }
  if (target.matches("input[type=checkbox]")) countMarks(target.form);
  if (target.matches("input[type=file][data-into]")) {
    const into = document.getElementById(target.dataset.into);
    target.files[0]?.text().then((text) => { into.value = text; into.dispatchEvent(new Event("input", { bubbles: true })); });
  }
});
// What changes something is sent once, however often a key is struck; a page that is come back to may send again.
document.addEventListener("submit", (event) => {
  if (event.target.method !== "post" || event.defaultPrevented) return;
  if (event.target.dataset.sent) event.preventDefault();
  event.target.dataset.sent = "yes";
});
addEventListener("pageshow", () => { for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent; });
document.addEventListener("input", (event) => {
  if (event.target.matches("[data-shows]")) document.getElementById(event.target.dataset.shows).textContent = event.target.value;
});
document.addEventListener("click", (event) => {
  const copy = event.target.closest("[data-copy]");
  if (copy) navigator.clipboard.writeText(copy.dataset.copy).then(() => { copy.textContent = "Copied"; });
  for (const open of document.querySelectorAll("details.pop[open]")) if (!open.contains(event.target)) open.open = false;
});
for (const here of document.querySelectorAll(".side [aria-current], .tabs [aria-current]")) {
  const row = here.closest(".side, .tabs");
  row.scrollLeft += here.getBoundingClientRect().left + here.clientWidth / 2 - row.getBoundingClientRect().left - row.clientWidth / 2;
}
setInterval(() => showTimes(document), 30_000);
keepMarks();
listenToKeys();
listenToPalette();
enliven(document.body);
