// How many rows of a list are marked, told beside what can be done to them.
export function countMarks(form) {
  const told = form?.querySelector("[data-marked]");
  if (told) told.textContent = form.querySelectorAll("tbody input[type=checkbox]:checked").length;
}
