"""What `churn` prints: the overview with its test, and one customer's score in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from runner.cli.sheets import blank_table, plain

if TYPE_CHECKING:
    from runner.churn.alike import Cells
    from runner.churn.overview import AtRisk, Explained, Overview
    from runner.churn.proof import Proof
    from runner.churn.scale import Scale

#: Letters of the bars in the reliability chart.
_BAR = 30
_TIERS = {
    "rule": "a rule: no probability is told",
    "model": "a model",
    "calibrated": "a model, set right by what the shop's own customers did",
}


def overview_lines(told: Overview) -> Iterator[RenderableType]:
    by = told.scale
    yield Text(f"No order in the next {by.horizon} days: how likely, {told.day}", "bold")
    yield Text(
        f"{told.customers:,} customers, {by.repeat_buyers:,} of them with a second order, {by.history} days of orders"
    )
    if told.told_by_a_source:
        yield Text("contact.churn_risk is told by a source: this is only shown, and written nowhere", "yellow")
    yield Text(f"Measured by {_TIERS[by.tier]}. {_sentence(by.why)}")
    yield Text(_rule(by), "dim")
    if by.proof is not None:
        yield Text()
        yield from _proof(by.proof, holds=by.proof.holds)
        if not by.seasonal:
            yield Text(
                "Learnt from the last months: where sales have seasons, all scores may lie too high or too low.", "dim"
            )
    yield Text()
    yield _counts(told)
    if told.weighed is not None:
        yield from _signs(told)
    if told.top:
        yield Text(f"\nWhom it would cost most to lose ({told.currency} in {by.horizon} days)", "bold")
        yield _top(told.top, probability=by.tier != "rule")
    if by.cells and any(n for row in by.cells for n, _ in row):
        yield Text("\nPast customers who did not order, by days since the last order and number of orders", "bold")
        yield _cells(by.cells)


def _signs(told: Overview) -> Iterator[RenderableType]:
    """Subscribers, whose end is seen: by signs, not by orders."""
    from runner.churn.subscribers import SIGNS

    assert told.weighed is not None
    yield Text(f"\n{told.subscribers:,} pay a subscription: scored by signs, {told.weighed.why}", "bold")
    for sign, n in told.signs.items():
        if n:
            yield Text(f"  {n:,}: {SIGNS[sign]}")
    if told.weighed.proof is not None:
        yield from _proof(told.weighed.proof, holds=told.weighed.proof.holds)
    yield Text()


def explained_lines(told: Explained) -> Iterator[RenderableType]:
    yield plain(told.called or str(told.customer))
    if told.tier == "rule":
        yield Text("at risk, by the rule" if told.risk else "not at risk, by the rule", "bold")
    else:
        yield Text(f"{told.risk:.0%} likely not to order in the next {told.horizon} days".replace("%", " %"), "bold")
    for sentence in told.sentences():
        yield plain(f"  {sentence}")


def _rule(by: Scale) -> str:
    measured = (
        f"nine of ten gaps between orders are no longer ({by.gaps:,} gaps)" if by.gaps else "usual, for want of gaps"
    )
    return f"The rule: more than {by.rule_days} days without an order; {measured}."


def _proof(proof: Proof, *, holds: bool) -> Iterator[RenderableType]:
    yield Text(
        f"Tested on {proof.n:,} customers as they stood on {proof.on}, by the {proof.horizon} days that followed",
        "bold",
    )
    if proof.across_customers:
        yield Text(
            "There is one past morning only: each half of the customers was judged by what the other half taught.",
            "dim",
        )
    auc = "" if proof.auc is None else f"Told apart (AUC): {proof.auc:.2f}; 0.5 is chance, 1 is certain. "
    yield Text(
        f"{auc}Squared error (Brier): {proof.brier:.3f}; of saying {_percent(proof.base_rate)} of everybody: "
        f"{proof.brier_of_base_rate:.3f}.",
        "" if holds else "yellow",
    )
    table = blank_table()
    for head in ("Said", "Came true", "Customers"):
        table.add_column(head, justify="right", no_wrap=True)
    table.add_column("", ratio=1)
    for one in proof.bins:
        bar, mark = round(_BAR * one.came_true), min(round(_BAR * one.said), _BAR - 1)
        drawn = "".join("│" if at == mark else "█" if at < bar else "·" for at in range(_BAR))
        table.add_row(_percent(one.said), _percent(one.came_true), f"{one.n:,}", Text(drawn, "cyan"))
    table.caption, table.caption_style, table.caption_justify = "│ where it was said", "dim", "left"
    yield table


def _counts(told: Overview) -> Text:
    words = {"low": "low (below 33 %)", "medium": "medium", "high": "high (from 66 %)", "so": "at risk", "not": "not"}
    shares = (f"{words[band]}: {n:,} ({_percent(n / max(told.customers, 1))})" for band, n in told.counts.items())
    return Text("Customers: ").append(" · ".join(shares))


def _top(top: Sequence[AtRisk], *, probability: bool) -> Table:
    table = blank_table()
    table.add_column("Customer", ratio=1, min_width=24, overflow="fold")
    for head in ("Risk", "Orders", "Days silent", "Usually spends", "At risk"):
        table.add_column(head, justify="right", no_wrap=True)
    for one in top:
        risk = _percent(one.risk) if probability else "yes"
        money = ("–" if amount is None else f"{amount:,.0f}" for amount in (one.usual_value, one.value_at_risk))
        table.add_row(plain(one.called or str(one.customer)), risk, str(one.orders), str(one.silent_days), *money)
    return table


def _cells(cells: Cells) -> Table:
    from runner.churn.alike import bands

    table, named = blank_table(), bands()
    table.add_column("Days since", no_wrap=True)
    for orders in named["orders"]:
        table.add_column("1 order" if orders == "1" else f"{orders} orders", justify="right", no_wrap=True)
    for words, row in zip(named["silence"], cells, strict=True):
        shares = (
            Text("–", "dim") if not n else Text(f"{_percent(silent / n)} ").append(f"of {n:,}", "dim")
            for n, silent in row
        )
        table.add_row(words, *shares)
    return table


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}." if words else ""
