// Ctrl-K: go to a page by its name, or look for whatever was typed.
export function listenToPalette() {
  const dialog = document.getElementById("palette");
  if (!dialog) return;
  const find = document.getElementById("palette-find");
  const list = document.getElementById("palette-list");
  let at = 0;

  function commands() {
    const places = [...document.querySelectorAll(".side a, [data-command]")].map((link) => ({
      title: link.dataset.command || link.textContent.trim(), kind: link.dataset.command ? "do" : "page", link,
    }));
    const text = find.value.trim().toLowerCase();
    const near = ({ title }) => (title.toLowerCase().startsWith(text) ? 0 : title.toLowerCase().includes(` ${text}`) ? 1 : 2);
    const fit = places.filter(({ title }) => title.toLowerCase().includes(text)).sort((one, other) => near(one) - near(other));
    if (text) fit.push({ title: `Search for “${find.value.trim()}”`, kind: "search", href: `/console/search?q=${encodeURIComponent(find.value.trim())}` });
    return fit;
  }

  function show() {
    const found = commands();
    at = Math.min(at, Math.max(0, found.length - 1));
    list.replaceChildren(...found.map((command, index) => {
      const item = document.createElement("li");
      item.role = "option";
      item.id = `command-${index}`;
      item.setAttribute("aria-selected", String(index === at));
      const kind = document.createElement("span");
      kind.className = "quiet";
      kind.textContent = command.kind;
      item.append(command.title, kind);
      item.addEventListener("click", () => go(command));
      return item;
    }));
    find.setAttribute("aria-activedescendant", found.length ? `command-${at}` : "");
    list.children[at]?.scrollIntoView({ block: "nearest" });
  }

  function go(command) {
    dialog.close();
    if (command.href) location.assign(command.href);
    else command.link.click();
  }

  function open() {
    find.value = "";
    at = 0;
    show();
    dialog.showModal();
    find.focus();
  }

  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
      event.preventDefault();
      open();
    }
  });
  document.addEventListener("click", (event) => { if (event.target.closest("[data-palette-open]")) open(); });
  find.addEventListener("input", () => { at = 0; show(); });
  find.addEventListener("keydown", (event) => {
    const found = commands();
    if (event.key === "ArrowDown") at = Math.min(at + 1, found.length - 1);
    else if (event.key === "ArrowUp") at = Math.max(at - 1, 0);
    else if (event.key === "Enter") {
      event.preventDefault();
      if (found[at]) go(found[at]);
      return;
    } else return;
    event.preventDefault();
    show();
  });
}
