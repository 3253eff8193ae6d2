// Marked rows of a list: how many there are is told beside what can be done to them, and they stay marked when a piece of the page is
// fetched anew, as when the next order is opened beside the list.
const BOXES = "form.marking tbody input[type=checkbox]";

export function countMarks(form) {
  const told = form?.querySelector("[data-marked]");
  if (told) told.textContent = form.querySelectorAll("tbody input[type=checkbox]:checked").length;
}

export function keepMarks() {
  let marked = new Set();
  document.addEventListener("htmx:beforeSwap", () => { marked = new Set([...document.querySelectorAll(`${BOXES}:checked`)].map((box) => box.value)); });
  document.addEventListener("htmx:afterSwap", () => {
    for (const box of document.querySelectorAll(BOXES)) if (marked.has(box.value)) box.checked = true;
    countMarks(document.querySelector("form.marking"));
  });
}
