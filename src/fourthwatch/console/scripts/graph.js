// The link graph: typed nodes that can be expanded, chosen and followed. The table beside it says the same in words.
import cytoscape from "cytoscape";
import { countMarks } from "./marks.js";
import { full } from "./times.js";

const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const SHAPES = {
  order: "round-rectangle", user: "ellipse", session: "ellipse", device: "round-pentagon", ip: "diamond", email: "round-hexagon",
  phone: "round-triangle", card: "rectangle", address: "round-octagon", billing_address: "round-octagon", promotion: "star", seller: "barrel",
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
    minZoom: 0.2, maxZoom: 2.5, boxSelectionEnabled: true, selectionType: "additive",
    layout: layoutOf(given.root),
    style: [
      { selector: "node", style: {
        shape: "data(shape)", label: "data(label)", width: 26, height: 26, "background-color": style("--sunk"), "border-width": 1.5, "border-color": style("--line-strong"),
        color: style("--ink-2"), "font-size": 10, "min-zoomed-font-size": 8, "font-family": "Inter Variable, system-ui, sans-serif", "text-valign": "bottom", "text-margin-y": 4, "text-max-width": 110, "text-wrap": "ellipsis",
        "text-background-color": style("--sheet"), "text-background-opacity": 0.85, "text-background-padding": 1,
      } },
      { selector: "node[kind = 'order']", style: { width: 34, height: 22, "background-color": style("--accent-soft"), "border-color": style("--accent-ink") } },
      { selector: "node[tone = 'bad']", style: { "background-color": style("--bad-soft"), "border-color": style("--bad-line"), "border-width": 2.5 } },
      { selector: "node[tone = 'good']", style: { "background-color": style("--good-soft"), "border-color": style("--good-line") } },
      { selector: "node[?hub]", style: { "border-style": "double", "border-width": 5, width: 32, height: 32 } },
      { selector: "node[?root]", style: { width: 42, height: 30, "border-width": 3, "font-weight": 700, color: style("--ink") } },
      { selector: "node[hops > 1]", style: { label: "" } },
      { selector: "node.named, node:selected", style: { label: "data(label)", "font-size": 12, color: style("--ink"), "z-index": 20 } },
      { selector: "node:selected", style: { "overlay-color": style("--accent-ink"), "overlay-opacity": 0.18, "overlay-padding": 6, "border-color": style("--accent-ink") } },
      { selector: "edge", style: { width: 1.25, "line-color": style("--line-strong"), "curve-style": "haystack", opacity: 0.7 } },
    ],
  });
  const form = document.querySelector("[data-graph-form]");
  graph.on("select unselect", () => tick(form, graph));
  const slider = document.querySelector("[data-graph-time]");
  slider?.addEventListener("input", () => showUntil(graph, Number(slider.value)));
  if (slider) showUntil(graph, Number(slider.value));
  graph.on("mouseover", "node", (event) => event.target.addClass("named"));
  graph.on("mouseout", "node", (event) => event.target.removeClass("named"));
  graph.on("dbltap", "node", (event) => { const { href } = event.target.data(); if (href) location.assign(href); });
  form?.addEventListener("change", (event) => {
    if (event.target.matches("input[data-node]")) {
      const node = graph.getElementById(event.target.dataset.node);
      if (event.target.checked) node.select(); else node.unselect();
    }
  });
  document.querySelector("[data-graph-fit]")?.addEventListener("click", () => graph.fit(undefined, 30));
}

function layoutOf(root) {
  return { name: "cose", animate: false, randomize: true, nodeRepulsion: () => 60_000, idealEdgeLength: () => 80, nodeOverlap: 30, gravity: 0.6, componentSpacing: 60, padding: 36, fit: true, root, numIter: 1200 };
}

function tick(form, graph) {
  if (!form) return;
  const chosen = new Set(graph.$("node:selected").map((node) => node.id()));
  for (const box of form.querySelectorAll("input[data-node]")) box.checked = chosen.has(box.dataset.node);
  countMarks(form);
}

function showUntil(graph, moment) {
  document.getElementById("graph-time").textContent = full.format(new Date(moment));
  graph.batch(() => {
    graph.edges().forEach((edge) => edge.style("display", edge.data("first") <= moment ? "element" : "none"));
    graph.nodes().forEach((node) => node.style("opacity", node.data("root") || node.connectedEdges().some((edge) => edge.data("first") <= moment) ? 1 : 0.12));
  });
}
