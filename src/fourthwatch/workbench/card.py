"""A model's card: one page for people, HTML with drawings in it, no script and nothing from elsewhere.

Curves are of rows that came after those the model was made of; the drawing of effects is of the model itself.
"""

from collections.abc import Sequence
from html import escape

import msgspec
import numpy as np

from fourthwatch.clock import iso_ms
from fourthwatch.model.manifest import Manifest
from fourthwatch.model.score import probability_at
from fourthwatch.workbench.drawing import Line, chart
from fourthwatch.workbench.learning import Learned, calibrated
from fourthwatch.workbench.matrix import Floats, Matrix, Wholes
from fourthwatch.workbench.maturity import Usable
from fourthwatch.workbench.money import Money, money_of
from fourthwatch.workbench.ranking import auc_of, average_precision

_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1b1f24;background:#fff}
table{border-collapse:collapse}td,th{padding:.2rem .7rem;text-align:left;border-bottom:1px solid #d0d7de}
td.n{text-align:right;font-variant-numeric:tabular-nums}figure{display:inline-block;margin:.5rem;vertical-align:top}
figcaption{font-weight:600}svg{background:#fff}
"""
_FIGURES = {
    "auc": "AUC", "average_precision": "average precision", "recall_at_1_percent": "recall at 1 % false positives",
    "calibration_error": "calibration error", "cost_share": "what mistakes cost at a score of 70, of all amounts",
}  # fmt: skip
_MONTH_ROWS_MIN = 50
_TIMES, _TIME_MIN = 3, 5
_CALIBRATED_GROUPS, _CALIBRATED_MIN = 10, 5
_EFFECTS = 6
_KNEW_THEN = (
    "Measured by a model made of what was known when that fifth began: earlier orders, and the labels of them that had"
    " come."
)
_KNEW_MORE = (
    "Measured by a model made of earlier orders, with labels of them that came later, too: too few were known when that"
    " fifth began. Expect less."
)
_EFFECT_ROWS = 2_000
_THRESHOLDS = range(5, 100, 5)


def card_of(
    manifest: Manifest, learned: Learned, matrix: Matrix, rows: Usable, plan: object, currency: str = ""
) -> str:
    """The page; `plan` is shown as it was asked for, and money in `currency`, or in that of most orders."""
    measured = rows.rows[learned.measured_rows]
    bad, told = rows.bad[learned.measured_rows], learned.measured_probability
    parts = [
        f"<h1>Model {escape(manifest.id)}</h1>",
        f"<p>Foretells <b>{escape(manifest.target)}</b>. Made of {manifest.rows:,} orders, {manifest.bad:,} of them"
        f" bad, from {iso_ms(manifest.from_ms)[:10]} to {iso_ms(manifest.to_ms)[:10]}, with what was known before"
        f" {iso_ms(manifest.until_ms)[:10]}. {manifest.left_out:,} orders were left out because their labels had not"
        f" had the time to arrive, and {manifest.canceled:,} because they were canceled or declined, so that nobody"
        f" learns what would have become of them; half of the bad labels arrive within {manifest.delay_days:g} days."
        f" {manifest.trees} trees over {len(manifest.features)} features. A score of 70 stands for"
        f" {manifest.of_70}.</p>",
        "<h2>How good, on the last fifth of the time</h2>",
        f"<p>{_KNEW_THEN if manifest.knew_then else _KNEW_MORE}</p>",
        _figures(manifest, bad, matrix.score[measured]),
        _roc(bad, told, matrix.occurred_ms[measured]),
        precision_recall(bad, told, matrix.occurred_ms[measured]),
        calibration(bad, told),
        _money(bad, told, money_of(matrix, measured, currency), manifest),
        by_month(bad, told, matrix.occurred_ms[measured]),
        "<h2>What it looks at</h2>",
        _suspects(manifest),
        _features(manifest),
        _left_out(manifest),
        _effects(manifest, learned, matrix, rows),
        "<h2>What was tried</h2>",
        _tried(learned),
        "<h2>How late labels are</h2>",
        chart(
            "Bad labels that have arrived, by age in days",
            [
                Line(f"{one.kind} {one.payment}".strip(), list(range(len(one.shares))), list(one.shares))
                for one in rows.curves
            ],
        ),
        "<h2>As it was asked for</h2>",
        _asked(plan),
        f"<p>Data {escape(manifest.data_mark)}, model SHA-256 {escape(manifest.model_sha256)}.</p>",
    ]
    head = f"<meta charset=utf-8><title>{escape(manifest.id)}</title><style>{_STYLE}</style>"
    return f"<!doctype html><html lang=en><head>{head}</head><body>{''.join(parts)}</body></html>\n"


def _asked(plan: object) -> str:
    """Field by field, moments in words."""
    lines = "".join(
        f"<tr><td>{escape(name.removesuffix('_ms').replace('_', ' '))}</td><td>{escape(_word(name, value))}</td></tr>"
        for name, value in msgspec.to_builtins(plan).items()
    )
    return f"<table>{lines}</table>"


def _word(name: str, value: object) -> str:
    if name == "features":
        return ", ".join(value) if value else "all"  # type: ignore[arg-type]
    if value is None:
        return "–"
    return iso_ms(int(str(value))) if name.endswith("_ms") else str(value)


def _figures(manifest: Manifest, bad: Wholes, points: Wholes) -> str:
    """Of the model, and what the decisions of then were worth on the same orders: a model has to earn its place."""
    lines = "".join(
        f"<tr><td>{escape(_FIGURES.get(name, name))}</td><td class=n>{one.value:.4f}</td>"
        f"<td class=n>{one.low:.4f} – {one.high:.4f}</td></tr>"
        for name, one in manifest.metrics.items()
    )
    return (
        f"<table><tr><th>figure</th><th>value</th><th>95 % interval</th></tr>{lines}</table>"
        f"<p>Over {len(bad):,} orders, {int(bad.sum()):,} of them bad. The scores that were given then, on the same"
        f" orders: AUC {auc_of(bad, points.astype(np.float64)):.4f}, average precision"
        f" {average_precision(bad, points.astype(np.float64)):.4f}.</p>"
    )


def _by_time(bad: Wholes, occurred_ms: Wholes) -> list[tuple[str, Wholes]]:
    """All of the measured rows, and each third of them in the order of time that has enough of both kinds."""
    rows = np.arange(len(bad))
    thirds = [
        (f"{iso_ms(int(occurred_ms[part[0]]))[:10]} on", part)
        for part in np.array_split(rows, _TIMES)
        if min(bad[part].sum(), (1 - bad[part]).sum()) >= _TIME_MIN
    ]
    return [("all", rows), *thirds]


def _roc(bad: Wholes, told: Floats, occurred_ms: Wholes) -> str:
    lines = []
    for name, part in _by_time(bad, occurred_ms):
        ranked = bad[part[np.argsort(-told[part], kind="stable")]]
        drawn = _drawn(ranked)
        hit = np.cumsum(ranked)[drawn] / max(1, ranked.sum())
        flagged = np.cumsum(1 - ranked)[drawn] / max(1, (1 - ranked).sum())
        lines.append(Line(name, [0.0, *flagged.tolist()], [0.0, *hit.tolist()]))
    return chart("Bad orders found, by good orders flagged", [*lines, Line("guessing", [0, 1], [0, 1])])


def precision_recall(bad: Wholes, told: Floats, occurred_ms: Wholes) -> str:
    """Exact at every bad order, as far as these are 200."""
    lines = []
    for name, part in _by_time(bad, occurred_ms):
        ranked = bad[part[np.argsort(-told[part], kind="stable")]]
        drawn = _drawn(ranked)
        hits = np.cumsum(ranked)[drawn]
        lines.append(Line(name, (hits / max(1, ranked.sum())).tolist(), (hits / (drawn + 1)).tolist()))
    return chart("Precision, by share of bad orders found", lines)


def calibration(bad: Wholes, told: Floats) -> str:
    """By groups of as many foretold bad ones: of as many orders, nearly all would lie at nothing."""
    order = np.argsort(told, kind="stable")
    summed = np.cumsum(told[order])
    groups = max(1, min(_CALIBRATED_GROUPS, int(summed[-1] // _CALIBRATED_MIN)))
    bounds = np.searchsorted(summed, summed[-1] * np.arange(1, groups) / groups)
    parts = [part for part in np.split(order, bounds) if len(part)]
    foretold, came = [float(told[part].mean()) for part in parts], [float(bad[part].mean()) for part in parts]
    top = max(*foretold, *came, 1e-9)
    return chart("What came, by what was foretold", [Line("model", foretold, came), Line("exact", [0, top], [0, top])])


def _money(bad: Wholes, told: Floats, money: Money, manifest: Manifest) -> str:
    """Amounts of orders above a score: of the bad, saved; of the good, held up."""
    known, currency = np.nan_to_num(money.amount), f" ({money.currency})" if money.currency else ""
    left_out = f"<p>Of money: {escape(money.says)}.</p>" if money.says else ""
    thresholds = [float(one) for one in _THRESHOLDS]
    above = [told >= probability_at(one, manifest.score_map) for one in thresholds]
    return (
        chart(
            f"Money{currency}, by score above which orders are held",
            [
                Line("bad, saved", thresholds, [float(known[one & (bad == 1)].sum()) for one in above]),
                Line("good, held up", thresholds, [float(known[one & (bad == 0)].sum()) for one in above]),
            ],
        )
        + left_out
    )


def by_month(bad: Wholes, told: Floats, occurred_ms: Wholes) -> str:
    """How stable it is: figures of each month that has enough orders of both kinds, as a table and drawn."""
    months = occurred_ms.astype("datetime64[ms]").astype("datetime64[M]")
    lines, drawn = [], []
    for month in np.unique(months):
        of_it = months == month
        if of_it.sum() >= _MONTH_ROWS_MIN and 0 < bad[of_it].sum() < of_it.sum():
            drawn.append((auc_of(bad[of_it], told[of_it]), average_precision(bad[of_it], told[of_it])))
            lines.append(
                f"<tr><td>{month}</td><td class=n>{int(of_it.sum()):,}</td><td class=n>{int(bad[of_it].sum()):,}</td>"
                f"<td class=n>{auc_of(bad[of_it], told[of_it]):.3f}</td>"
                f"<td class=n>{average_precision(bad[of_it], told[of_it]):.3f}</td>"
                f"<td class=n>{told[of_it].mean():.4f}</td><td class=n>{bad[of_it].mean():.4f}</td></tr>"
            )
    return (
        "<h3>Month by month</h3><table><tr><th>month</th><th>orders</th><th>bad</th><th>AUC</th><th>average precision"
        f"</th><th>foretold</th><th>came</th></tr>{''.join(lines)}</table>" + _stability(drawn)
    )


def _stability(drawn: Sequence[tuple[float, float]]) -> str:
    """Both figures over the months of the table; nothing while there is one."""
    if len(drawn) < 2:
        return ""
    months = [float(at + 1) for at in range(len(drawn))]
    lines = [
        Line("AUC", months, [one for one, _ in drawn]),
        Line("average precision", months, [one for _, one in drawn]),
    ]
    return chart("Stability, by month of the table", lines)


def _suspects(manifest: Manifest) -> str:
    """What tells bad from good nearly by itself is a leak until it is explained."""
    if not manifest.suspects:
        return ""
    names = ", ".join(f"<code>{escape(name)}</code>" for name in manifest.suspects)
    return f"<p>Too good to be believed: {names}. An AUC beyond 0.9 by itself is a leak until it is explained.</p>"


def _features(manifest: Manifest) -> str:
    lines = "".join(
        f"<tr><td><code>{escape(use.name)}</code></td><td class=n>{use.gain:.1%}</td>"
        f"<td>{'+' if use.monotone > 0 else '−' if use.monotone < 0 else ''}</td><td>{escape(use.says)}</td></tr>"
        for use in sorted(manifest.features, key=lambda use: -use.gain)
    )
    return f"<table><tr><th>feature</th><th>part</th><th>must</th><th>what it says</th></tr>{lines}</table>"


def _left_out(manifest: Manifest) -> str:
    """What nothing is read of because of what it costs where the model serves; nothing where there is nothing."""
    if not manifest.left_out_for_cost:
        return ""
    lines = "".join(
        f"<tr><td>{', '.join(f'<code>{escape(name)}</code>' for name in one.features)}</td>"
        f"<td>{escape(', '.join(one.groups))}</td><td class=n>{one.selections}</td><td class=n>{one.saved_us:g}</td>"
        f"<td class=n>{one.lost:.4f} ± {one.error:.4f}</td></tr>"
        for one in manifest.left_out_for_cost
    )
    return (
        "<h3>Left out: costs more than it brings</h3><table><tr><th>features</th><th>asked for by them alone</th>"
        "<th>selections to remember</th><th>µs of an order</th><th>average precision lost, ± one standard error</th>"
        f"</tr>{lines}</table><p>Lost on the slice that chooses, against the best set, with all that stands above left"
        " out too.</p>"
    )


def _tried(learned: Learned) -> str:
    """Settings, the best first, and of how many boosters of each the model is the mean."""
    head = "".join(f"<th>{escape(name.replace('_', ' '))}</th>" for name in learned.tried[0])
    lines = "".join(
        f"<tr>{''.join(f'<td class=n>{value:.5g}</td>' for value in one.values())}"
        f"<td class=n>{sum(member == one for member in learned.members)}</td></tr>"
        for one in learned.tried
    )
    return f"<table><tr>{head}<th>boosters</th></tr>{lines}</table>"


def _effects(manifest: Manifest, learned: Learned, matrix: Matrix, rows: Usable) -> str:
    """Mean probability were a feature so much for every order, the others as they are."""
    values = matrix.columns(learned.names)[rows.rows]
    values = values[:: max(1, len(values) // _EFFECT_ROWS)].copy()
    best = sorted(range(len(learned.names)), key=lambda at: -manifest.features[at].gain)[:_EFFECTS]
    drawn = []
    for at in best:
        levels = manifest.features[at].edges
        kept = values[:, at].copy()
        means = []
        for level in levels:
            values[:, at] = level
            margin = learned.model.predict(values, raw_score=True, num_threads=1)
            means.append(float(calibrated(margin, learned.calibration).mean()))
        values[:, at] = kept
        if len(levels) > 1:
            drawn.append(chart(learned.names[at], [Line("mean probability", levels, means)]))
    return "<h3>Effects</h3>" + "".join(drawn)


def _drawn(ranked: Wholes, count: int = 200) -> Wholes:
    """Places at which a curve over ranked orders is drawn: at bad ones, where it bends, and evenly over all."""
    bends = np.flatnonzero(ranked)
    if len(bends) > count:
        bends = bends[np.unique(np.linspace(0, len(bends) - 1, count).astype(np.int64))]
    return np.union1d(bends, np.linspace(0, len(ranked) - 1, count).astype(np.int64))
