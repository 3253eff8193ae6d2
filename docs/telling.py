"""Writes reference/telling-features.md anew, from data sets of the demo shop and of fraudecom; the page says how.

Run `python docs/telling.py DEMO DEMO_TRUTH FRAUDECOM` where the features have changed.
"""

import sys
from pathlib import Path

from fourthwatch.features.catalogue import FEATURES_VERSION, built_in
from fourthwatch.wire.times import read_timestamp_ms
from fourthwatch.workbench.table import groups_of, names_of
from fourthwatch.workbench.telling import Told, read_outcomes, table_of, telling

PAGE = Path(__file__).parent / "reference" / "telling-features.md"
TOP = 20
LAST_FIFTH = "2015-08-31T00:40:00Z"
"""The last fifth of fraudecom's purchases, as the published figures split them, begins here."""
_SAYS = {one.feature.name: one.feature.says for one in built_in()}


def page(demo: Path, truth: Path, fraudecom: Path) -> str:
    """The whole page."""
    rings = telling(demo, "bad", truth=read_outcomes(truth))
    shop = telling(fraudecom, "chargeback")
    late = telling(fraudecom, "chargeback", from_ms=read_timestamp_ms(LAST_FIFTH))
    measured = len(rings.features) + len(rings.texts)
    parts = [
        _INTRODUCTION.format(features=measured, version=FEATURES_VERSION),
        "## The demo shop\n",
        _DEMO.format(positions=_events(demo), rows=rings.rows, bad=rings.bad),
        *_table(rings),
        _DEMO_NOTES,
        "## fraudecom\n",
        _FRAUDECOM.format(positions=_events(fraudecom), rows=shop.rows, bad=shop.bad),
        *_table(shop),
        _FRAUDECOM_NOTES,
        f"### Its last fifth\n\nThe {late.rows:,} orders from 31 August on, {late.bad:,} of them bad:\n",
        *_table(late),
        _LATE_NOTES,
        _AGAIN,
    ]
    return "\n".join(parts)


def _events(path: Path) -> int:
    """The position of the last order."""
    assert "position" in names_of(path)
    return max(int(at) for group in groups_of(path, ["position"]) for at in group["position"] if at is not None)


def _table(told: Told) -> list[str]:
    """The strongest that are more than two standard errors away from guessing, and how many those are."""
    vary = [one for one in told.features if one.auc is not None]
    sure = tuple(one for one in vary if one.strength > 2 * (one.error or 0))
    rest = f"The other {len(told.features) - len(vary)} are unknown, or the same, in nearly all of these orders."
    if not sure:
        return [f"None of the {len(vary)} features that vary is two standard errors away from guessing.\n{rest}\n"]
    shown = f"The {TOP} strongest of" if len(sure) > TOP else "All"
    return [
        f"{shown} {len(sure)} features that are two standard errors away from guessing, of {len(vary)} that vary."
        f"\n{rest}\n",
        *table_of(Told(told.rows, told.bad, told.untold, told.left_out, sure, ()), TOP, _SAYS),
        "",
    ]


_INTRODUCTION = """# The most telling features

<!-- Written by docs/telling.py from two data sets; how is said at the end. -->

How well each of {features} features and facts (version {version}) tells bad orders from good ones *by itself*: the AUC,
which is the chance that a bad order has more of it than a good one, ties counting half. 0.5 is guessing; below it the
bad have less. ± is the standard error (Hanley and McNeil, 1982). An order for which the feature is unknown is left out
of the figure, and how often that is among good and bad stands beside it: a high figure over few known orders helps
little. Features that say the same stand side by side here; together they tell no more than one of them.

A feature is as of the order, by nothing that was received later.
"""
_DEMO = """\
The demo shop is **invented**, and so are the rings in it: these figures say that the features see what the
simulator's authors thought of, and nothing about your shop. {rows:,} orders of ten days, {positions:,} events up
to the last of them; {bad:,} of the orders are of rings. The truth is the simulator's own
(`demo-truth.csv`), not the labels that reached the server, which come weeks later.
"""
_DEMO_NOTES = """\
A figure beyond 0.9, or below 0.1, is suspect until it is explained. Here the simulator is the explanation: its rings
take a minute and a half from cart to order where its shoppers take four and a half, and two hours from one order on
a device to the next where those take a day and a third (medians). `is_new_address` is known only of accounts that were
seen with an address before; of the orders of rings these are about one in twelve, all of accounts that were taken over,
and its thieves always have the parcel sent elsewhere. Real thieves are less obliging; the starter set does not ask how
long it was from cart to order.
"""
_FRAUDECOM = """\
Purchases of a web shop in 2015, 51,689 of the public set's 151,112 rows: sign-up, order and payment, with
device and, for 58 %, IP; no address, phone, e-mail, card or basket, so most features are unknown. {rows:,} orders,
{positions:,} events up to the last of them; {bad:,} of the orders were charged back, told fourteen days
after the order; orders that nobody complained about count as good.
"""
_FRAUDECOM_NOTES = """\
This is one story. Of the 3,455 orders of January 2,661 are bad, and of those 2,351 came within two seconds of the
sign-up, many accounts to a device; not one good order did. What happened within one second arrived over sixteen
connections in no certain order, and an order has seen the sign-ups that arrived before it: taken one by one in the
order of the file, `users_by_device_ever` has 0.721 and `users_by_device_30d` 0.710, the rest is nearly the same. The
time since the order before on the device is known of few good orders, and there half of them lie 71 days apart or more;
among the bad, most are of the same second.
"""
_LATE_NOTES = """\
This is what is left when January is over. The public set's published figures for a split by time are 0.515 to
0.522 without the device and 0.636 with it, on the full file; an untrained rule that counts all other accounts that were
ever on the device has 0.558 here. Half of these purchases come more than 88 days
after the sign-up: a window of 7 or 30 days sees nothing.
"""
_AGAIN = """## How this was made, and how to make it again

```sh
fourthwatch demo --data demo --seed 1 --days 10 --orders-per-hour 60 --past-only
fourthwatch dataset build --data demo --out demo.parquet

fourthwatch convert fraudecom fraudecom.csv.gz --out fraudecom.jsonl.gz --truth truth.csv
KEY=$(fourthwatch keys create --data fraudecom --name replay --scope ingest)
fourthwatch serve --data fraudecom
fourthwatch replay fraudecom.jsonl.gz --to http://127.0.0.1:8080 --key "$KEY"
fourthwatch dataset build --data fraudecom --out fraudecom.parquet

python docs/telling.py demo.parquet demo/demo-truth.csv fraudecom.parquet
```

Everything went over HTTP by sixteen connections, so that two events that follow each other closely may have arrived in
the other order. The demo shop's last ten days end when the command is called: its figures differ a little from one day
to another. A data set is built by walking the ledger anew: when features change, only `dataset build` and the last line
are needed. One table alone, of any data set, prints `fourthwatch dataset telling`.
"""


if __name__ == "__main__":
    PAGE.write_text(page(*map(Path, sys.argv[1:4])), "utf-8")
