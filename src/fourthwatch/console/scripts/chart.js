// A chart in place of the drawing that the server made: `data-chart` holds {x, series: [{label, values, tone}], kind, unit}.
import uPlot from "uplot";

const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const TONES = { accent: "--accent-ink", good: "--good-line", bad: "--bad-line", warn: "--warn-line", flat: "--ink-3" };
const DAY_S = 86_400;
const DASHES = [[], [6, 4], [2, 3], [10, 4, 2, 4]];

export function enliven(element) {
  if (element.dataset.done) return;
  element.dataset.done = "yes";
  const given = JSON.parse(element.dataset.chart);
  const number = new Intl.NumberFormat(undefined, { maximumFractionDigits: given.unit === "%" ? 1 : 2, notation: "compact" });
  const shown = (value) => (value === null || value === undefined ? "–" : number.format(value) + (given.unit ? ` ${given.unit}` : ""));
  const axis = { stroke: style("--ink-3"), grid: { stroke: style("--line"), width: 1 }, ticks: { show: false }, font: "11px 'Inter Variable', system-ui, sans-serif" };
  const series = given.series.map((one, index) => ({
    label: one.label, stroke: style(TONES[one.tone] ?? "--accent-ink"), width: 2, dash: DASHES[index % DASHES.length], points: { show: given.x.length < 40, size: 5 },
    value: (_plot, value) => shown(value), scale: one.scale ?? "y",
    ...(given.kind === "bars" ? { paths: uPlot.paths.bars({ size: [0.7, 48], radius: 0.12 }), fill: style(TONES[one.tone] ?? "--accent-ink"), width: 0, dash: [], points: { show: false } } : {}),
  }));
  const options = {
    width: Math.max(240, element.clientWidth), height: Number(element.dataset.height ?? 190),
    scales: { x: { time: given.time !== false, range: (_plot, low, high) => (given.x.length === 1 ? [given.x[0] - DAY_S, given.x[0] + DAY_S] : [low, high]) }, y: { range: (_plot, low, high) => [Math.min(0, low ?? 0), high > 0 ? high * 1.08 : 1] } },
    axes: [{ ...axis, grid: { show: false } }, { ...axis, size: 52, values: (_plot, ticks) => ticks.map((tick) => number.format(tick)) }],
    series: [{ value: given.time === false ? (_plot, value) => value ?? "" : "{YYYY}-{MM}-{DD} {HH}:{mm}" }, ...series],
    cursor: { points: { size: 7 } }, legend: { live: true },
  };
  element.replaceChildren();
  const plot = new uPlot(options, [given.x, ...given.series.map((one) => one.values)], element);
  new ResizeObserver(() => plot.setSize({ width: Math.max(240, element.clientWidth), height: options.height })).observe(element);
}
