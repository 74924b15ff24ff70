"""What `effect` prints: a line a playbook, what all of them come to, and the ways of splits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from runner.cli.sheets import blank_table, plain
from runner.effect.words import (
    doubt_words,
    few_words,
    more_words,
    plan_words,
    points_words,
    soon_words,
    span_words,
    sum_words,
)

if TYPE_CHECKING:
    from runner.effect import Effect, Effects
    from runner.kpis.contrasts import Arm

_COLOURS = {"works": "green", "harms": "bold red", "assignment broken": "bold red", "too early": "yellow"}


def effect_lines(told: Effects) -> Iterator[RenderableType]:
    if not told.playbooks:
        yield Text("No playbook has run yet.")
        return
    yield Text("Who was let in against who was held out, by assignment: also those whom no mail reached", "bold")
    proven = [one for one in told.playbooks if one.judged.verdict != "no holdout"]
    if proven:
        yield _table(proven, ("let in", "held out"))
    for one in proven:
        yield _why(one, told.currency)
    for one in told.playbooks:
        yield from _harms(one)
    if without := [one.playbook for one in told.playbooks if one.judged.verdict == "no holdout"]:
        yield Text("\nWithout a holdout, so that nobody can tell: ", "bold").append(", ".join(without), "not bold")
    if told.interval is not None and told.difference is not None:
        yield Text("\nAll playbooks together", "bold")
        people = sum_words(told.treated, told.difference, told.interval)
        points = f"{points_words(told.difference)} points ({span_words(told.interval)})"
        yield Text("; ".join(filter(None, (points, f"{people} customers did it because of them", few_words(told)))))
        if told.spent is not None and told.spent_interval is not None:
            money = sum_words(told.treated, told.spent, told.spent_interval)
            yield Text(f"{money} {told.currency} more; who is in several playbooks counts in each")
    if told.splits:
        yield Text("\nSplits: each way against the first one", "bold")
        yield _table(told.splits, ("this way", "the first"))
        for one in told.splits:
            yield _why(one, told.currency)


def _harms(effect: Effect) -> Iterator[RenderableType]:
    for rail in effect.harms:
        yield (
            Text("  Stop it: ", "bold red")
            .append_text(_name(effect))
            .append(f": {rail.words}", "not bold")
            .append(f"; regulars pause {effect.playbook}", "not bold")
        )


def _table(effects: Sequence[Effect], arms: tuple[str, str]) -> Table:
    table = blank_table()
    table.add_column("Playbook", ratio=1, min_width=18)
    for head in (*(arm.capitalize() for arm in arms), "Difference, points"):
        table.add_column(head, justify="right", no_wrap=True)
    table.add_column("Verdict", no_wrap=True)
    for one in effects:
        verdict = str(one.judged.verdict)
        table.add_row(_name(one), *_cells(one), Text(verdict, _COLOURS.get(verdict, "")))
    return table


def _name(effect: Effect) -> Text:
    name = f"{effect.playbook}, {effect.step}: {effect.arms[0]}" if effect.step else effect.playbook
    return plain(name)


def _cells(effect: Effect) -> tuple[str, str, str]:
    told = effect.contrast
    arms = _rate(told.one), _rate(told.other)
    if told.difference is None or told.interval is None:
        return (*arms, "–")
    return (*arms, f"{points_words(told.difference)} ({span_words(told.interval)})")


def _why(effect: Effect, currency: str) -> Text:
    told = [str(effect.outcome), *more_words(effect, currency), effect.judged.why]
    if soon := soon_words(effect):
        told.append(soon)
    if planned := plan_words(effect):
        told.append(f"planned: {planned}")
    if doubt := doubt_words(effect):
        told.append(doubt)
    if effect.unfinished:
        told.append(f"of {effect.unfinished:,} more the days are not over")
    return Text("  ").append_text(_name(effect)).append(f": {'; '.join(told)}", "dim")


def _rate(arm: Arm) -> str:
    return "–" if arm.rate is None else f"{_percent(arm.rate)} of {arm.n:,}"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
