// Trusted types: whatever markup a script puts into a page is looked through first, whichever script it is. What could run is
// refused, so that a mistake in a template or a library stays a missing piece and is no way in. Comes before all other scripts.
const OURS = `${location.origin}/console/static/`;
const LINKS = new Set(["href", "src", "action", "formaction", "xlink:href", "data"]);
const NEVER = new Set(["iframe", "object", "embed", "base", "frame"]);

function isInert(root) {
  for (const element of root.querySelectorAll("*")) {
    if (NEVER.has(element.localName)) return false;
    if (element.localName === "script" && !(element.src.startsWith(OURS) && element.textContent === "")) return false;
    if (element.localName === "template" && !isInert(element.content)) return false;
    for (const { name, value } of element.attributes) {
      if (/^(on|hx-on|data-hx-on)/.test(name)) return false;
      if (LINKS.has(name) && /^[\s\u0000-\u0020]*(javascript|vbscript|data:text)/i.test(value)) return false;
    }
  }
  return true;
}

if (window.trustedTypes) {
  const plain = window.trustedTypes.createPolicy("fourthwatch", { createHTML: (text) => text });
  window.trustedTypes.createPolicy("default", {
    createHTML: (text) => (isInert(new DOMParser().parseFromString(plain.createHTML(text), "text/html")) ? text : null),
    createScriptURL: (address) => (new URL(address, location.href).href.startsWith(OURS) ? address : null),
  });
}
