// The link graph: typed nodes that can be expanded, chosen and followed. The table beside it says the same in words.
import cytoscape from "cytoscape";

const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const SHAPES = {
  order: "round-rectangle", user: "ellipse", session: "ellipse", device: "round-pentagon", ip: "diamond", email: "round-hexagon",
  phone: "round-triangle", card: "rectangle", address: "round-octagon", promotion: "star", seller: "barrel",
};

const nodeOf = (node) => ({ group: "nodes", data: { ...node, shape: SHAPES[node.kind] ?? "ellipse" } });
const edgeOf = (edge) => ({ group: "edges", data: { id: `${edge.source}→${edge.target}`, ...edge } });

export function enliven(element) {
  if (element.dataset.done) return;
  element.dataset.done = "yes";
  const given = JSON.parse(element.dataset.graph);
  element.replaceChildren();
  const graph = cytoscape({
    container: element,
    elements: [...given.nodes.map(nodeOf), ...given.edges.map(edgeOf)],
    minZoom: 0.2, maxZoom: 2.5, wheelSensitivity: 0.25, boxSelectionEnabled: true, selectionType: "additive",
    layout: layoutOf(given.root),
    style: [
      { selector: "node", style: {
        shape: "data(shape)", label: "data(label)", width: 26, height: 26, "background-color": style("--sunk"), "border-width": 1.5, "border-color": style("--line-strong"),
        color: style("--ink-2"), "font-size": 10, "font-family": "Inter Variable, system-ui, sans-serif", "text-valign": "bottom", "text-margin-y": 4, "text-max-width": 110, "text-wrap": "ellipsis",
      } },
      { selector: "node[kind = 'order']", style: { width: 34, height: 22, "background-color": style("--accent-soft"), "border-color": style("--accent-ink") } },
      { selector: "node[tone = 'bad']", style: { "background-color": style("--bad-soft"), "border-color": style("--bad-line"), "border-width": 2.5 } },
      { selector: "node[tone = 'good']", style: { "background-color": style("--good-soft"), "border-color": style("--good-line") } },
      { selector: "node[?hub]", style: { "border-style": "double", "border-width": 5, width: 32, height: 32 } },
      { selector: "node[?root]", style: { width: 42, height: 30, "border-width": 3, "font-weight": 700, color: style("--ink") } },
      { selector: "node:selected", style: { "overlay-color": style("--accent-ink"), "overlay-opacity": 0.18, "overlay-padding": 6, "border-color": style("--accent-ink") } },
      { selector: "edge", style: { width: 1.25, "line-color": style("--line-strong"), "curve-style": "haystack", opacity: 0.7 } },
    ],
  });
  const form = document.querySelector("[data-graph-form]");
  graph.on("select unselect", () => tick(form, graph));
  graph.on("dbltap", "node", (event) => { const { href } = event.target.data(); if (href) location.assign(href); });
  form?.addEventListener("change", (event) => {
    if (event.target.matches("input[name=node]")) {
      const node = graph.getElementById(event.target.value);
      if (event.target.checked) node.select(); else node.unselect();
    }
  });
  document.querySelector("[data-graph-fit]")?.addEventListener("click", () => graph.fit(undefined, 30));
}

function layoutOf(root) {
  return { name: "cose", animate: false, randomize: true, nodeRepulsion: () => 9000, idealEdgeLength: () => 70, nodeOverlap: 12, padding: 30, fit: true, root, numIter: 1200 };
}

function tick(form, graph) {
  if (!form) return;
  const chosen = new Set(graph.$("node:selected").map((node) => node.id()));
  for (const box of form.querySelectorAll("input[name=node]")) box.checked = chosen.has(box.value);
  form.dispatchEvent(new CustomEvent("chosen"));
}
