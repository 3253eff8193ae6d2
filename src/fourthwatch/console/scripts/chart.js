// A chart in place of the drawing that the server made: `data-chart` holds {x, axis, series: [{label, values, tone}], kind, unit, time}.
// Days come as midnights of UTC and are read as such: a day is the same day in every zone. Until the pointer is on the chart, its
// legend tells the newest of what is drawn.
import uPlot from "uplot";

const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const TONES = { accent: "--accent-ink", good: "--good-line", bad: "--bad-line", warn: "--warn-line", flat: "--ink-3" };
const DAY_S = 86_400;
const DASHES = [[], [6, 4], [2, 3], [10, 4, 2, 4]];
const dayOf = (options) => new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", timeZone: "UTC", ...options });
const tickDay = dayOf(), wholeDay = dayOf({ weekday: "short", year: "numeric" });
const dated = (form, at) => form.format(new Date(at * 1_000));

export function enliven(element) {
  if (element.dataset.done) return;
  element.dataset.done = "yes";
  const given = JSON.parse(element.dataset.chart);
  const number = new Intl.NumberFormat("en", { maximumFractionDigits: given.unit === "%" ? 1 : 2, notation: "compact" });
  const exact = new Intl.NumberFormat("en", { maximumFractionDigits: given.unit === "%" ? 1 : 2 });
  const shown = (value) => (value === null || value === undefined ? "–" : exact.format(value) + (given.unit ? ` ${given.unit}` : ""));
  const isBars = given.kind === "bars";
  const rests = given.series.reduce((last, { values }) => Math.max(last, values.findLastIndex((value) => value)), -1);
  const axis = { stroke: style("--ink-3"), grid: { stroke: style("--line"), width: 1 }, ticks: { show: false }, font: "11px 'Inter Variable', system-ui, sans-serif" };
  const series = given.series.map((one, index) => {
    const stroke = style(TONES[one.tone] ?? "--accent-ink");
    const look = isBars
      ? { paths: uPlot.paths.bars({ size: [0.7, 48], radius: 0.12 }), fill: stroke, width: 0, points: { show: false } }
      : { width: 2, dash: DASHES[index % DASHES.length], points: { show: given.x.length < 40, size: 5 } };
    return { label: one.label, stroke, value: (_plot, value) => shown(value), ...look };
  });
  const around = given.time ? DAY_S : 1;
  const options = {
    width: Math.max(240, element.clientWidth), height: Number(element.dataset.height ?? 190), padding: [8, isBars ? 16 : 24, 0, 0],
    tzDate: (at) => uPlot.tzDate(new Date(at * 1_000), "Etc/UTC"),
    scales: { x: { time: given.time, range: (_plot, low, high) => (given.x.length === 1 ? [given.x[0] - around, given.x[0] + around] : isBars ? [low - 0.5, high + 0.5] : [low, high]) }, y: { range: (_plot, low, high) => [Math.min(0, low ?? 0), high > 0 ? high * 1.08 : 1] } },
    axes: [
      { ...axis, grid: { show: false }, size: 26, space: 56, ...(given.time ? { incrs: [1, 2, 3, 7, 14, 28, 56, 91, 182, 364].map((days) => days * DAY_S), values: (_plot, ticks) => ticks.map((at) => dated(tickDay, at)) } : {}) },
      { ...axis, size: 44, values: (_plot, ticks) => ticks.map((tick) => number.format(tick)) },
    ],
    series: [{ label: given.axis, value: (_plot, at) => (at == null ? "–" : given.time ? dated(wholeDay, at) : String(at)) }, ...series],
    cursor: { points: { size: 7 } },
    hooks: { ready: [(plot) => plot.setLegend({ idx: rests })], setLegend: [(plot) => { if (plot.legend.idx == null && rests >= 0) plot.setLegend({ idx: rests }, false); }] },
  };
  element.replaceChildren();
  const plot = new uPlot(options, [given.x, ...given.series.map((one) => one.values)], element);
  new ResizeObserver(() => plot.setSize({ width: Math.max(240, element.clientWidth), height: options.height })).observe(element);
}
