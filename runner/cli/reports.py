"""What the other commands print: syncs, plans, ticks, explanations, findings, tasks."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import TYPE_CHECKING, Any

from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from runner import clock
from runner.cli.log_tables import log_table
from runner.cli.sheets import blank_table, plain
from runner.log import LogRow

if TYPE_CHECKING:
    from runner.app.doctor import Examined
    from runner.app.forecast import Foreseen
    from runner.app.tick import Ticked
    from runner.difference import Difference, Mover
    from runner.explain import Explained
    from runner.sync import Synced
    from runner.trial import Backtest, Tried

#: Rows of a plan that a terminal shows; `--json` gives all.
SHOWN = 40
#: Findings of one kind that a terminal shows; `--json` gives all.
_SHOWN_OF_MANY = 10
_MARKS = {"ok": ("ok", "green"), "warning": ("warning", "yellow"), "fault": ("fault", "bold red")}


def sync_table(synced: Sequence[Synced]) -> RenderableType:
    """Rows a table and connector."""
    table = blank_table()
    for head in ("Connector", "Table"):
        table.add_column(head)
    for head in ("Read", "New", "Changed", "Deleted", "Set aside"):
        table.add_column(head, justify="right")
    for one in synced:
        for name, counts in one.tables.items():
            numbers = (counts.read, counts.new, counts.changed, counts.deleted)
            aside = Text(f"{counts.set_aside:,}", "yellow" if counts.set_aside else "")
            table.add_row(one.connector, name, *(f"{number:,}" for number in numbers), aside)
    notes = [f"{one.connector}: {warning}" for one in synced for warning in one.warnings]
    calls = sum(one.calls for one in synced)
    for one in synced:
        found = [f"{table}: {what}" for table, what in one.reconciled.items() if str(what)]
        if one.reconciled:
            notes.append(f"{one.connector}: looked at everything; {'; '.join(found) or 'nothing was missed'}")
    if any(counts.set_aside for one in synced for counts in one.tables.values()):
        notes.append("What was set aside, and why: regulars doctor")
    table.caption = "\n".join([*(f"{calls:,} calls to the outside" for _ in range(bool(calls))), *notes[-8:]]) or None
    table.caption_style, table.caption_justify = "dim", "left"
    return table


def forecast_table(foreseen: Sequence[Foreseen]) -> RenderableType:
    """What the next sync will read and call."""
    told = [f"{one.connector}: {one.calls:,} calls; finding out took {one.asked:,}" for one in foreseen if one.tables]
    failed = [f"{one.connector}: {one.failure}" for one in foreseen if one.failure]
    if not told:
        return Text("\n".join(failed))
    table = blank_table()
    for head in ("Connector", "Table", "What"):
        table.add_column(head)
    for head in ("Rows", "Calls at least"):
        table.add_column(head, justify="right")
    for one in foreseen:
        for row in one.tables:
            table.add_row(one.connector, row.table, row.what, f"{row.rows:,}", f"{row.calls:,}")
    table.caption = "\n".join([*told, *failed])
    table.caption_style, table.caption_justify = "dim", "left"
    return table


def plan_tables(rows: Iterable[LogRow], *, zone: str) -> Iterator[RenderableType]:
    """The first of what is done or held in a plan, or of the other decisions; then how many of each kind and why."""
    first: dict[bool, list[LogRow]] = {True: [], False: []}
    counted: Counter[tuple[str, str, str, str]] = Counter()
    for row in rows:
        alike = first[row.status in ("do", "hold")]
        if len(alike) < SHOWN:
            alike.append(row)
        reason = row.reason if row.status in ("skip", "end", "hold") else ""
        counted[row.playbook, row.step or "enter", row.status, _general(reason)] += 1
    if not counted:
        yield Text("Nothing is due and nobody's trigger fires.")
        return
    yield log_table(first[True] or first[False], zone=zone, why="Why")
    yield Text()
    yield _plan_counts(counted)


def _general(reason: str) -> str:
    """A reason without the day it names, so that the same reasons count together."""
    return re.sub(r" (on|until|in) \d{4}-\d\d-\d\d", "", reason)


def _plan_counts(counted: Mapping[tuple[str, str, str, str], int]) -> Table:
    table = blank_table()
    table.add_column("Playbook")
    table.add_column("Step")
    table.add_column("", no_wrap=True)
    table.add_column("People", justify="right")
    table.add_column("Why", ratio=1)
    colours = {"do": "green", "hold": "yellow", "skip": "yellow", "end": "dim"}
    for (playbook, step, status, reason), count in sorted(counted.items()):
        table.add_row(plain(playbook), step, Text(status, colours.get(status, "")), f"{count:,}", plain(reason))
    return table


def difference_lines(one: Difference, people: Iterable[Mover], *, days: int, zone: str) -> Iterator[RenderableType]:
    """One edited playbook: what is otherwise, how many it concerns, and the first of them."""
    yield Text.assemble((one.playbook, "bold"), "  ", one.state)
    for change in one.changes:
        old, new = (plain(side) if side else Text("–", "dim") for side in (change.old, change.new))
        yield Padding(Text.assemble((change.where, "bold"), ": ", old, " → ", new), (0, 0, 0, 2))
    first: list[Mover] = []
    counted: Counter[str] = Counter()
    for who in people:
        counted[who.change] += 1
        # The first of each kind: of very many who enter nobody would see who no longer does.
        if counted[who.change] <= SHOWN_MOVERS:
            first.append(who)
    words = {
        "enter": "enter who would not have",
        "leave": "no longer enter",
        "move": "enter at another time",
        "go on": "inside go on at another time",
    }
    told = [f"{counted[change]:,} {words[change]}" for change in words if counted[change]]
    yield Padding(
        Text(f"within {days} days: " + (", ".join(told) or "the same people enter at the same times")), (0, 2)
    )
    yield from (Padding(Text(words), (0, 2)) for words in _inside_words(one))
    if first:
        yield Padding(_movers_table(sorted(first, key=lambda who: [*words].index(who.change)), zone), (0, 2))
    if more := counted.total() - len(first):
        yield Padding(Text(f"and {more:,} more; --json tells of everybody", "dim"), (0, 2))


#: People of each kind that a terminal shows of each edited playbook; `--json` gives all.
SHOWN_MOVERS = 5


def _inside_words(one: Difference) -> Iterator[str]:
    words = {
        "keep": "inside go on by the version they entered with",
        "move": "inside go on by the new one",
        "wait": "inside wait until it runs again",
    }
    for how, count in (one.inside or {}).items():
        if count:
            yield f"{count:,} {words[how]}"


def _movers_table(people: Sequence[Mover], zone: str) -> Table:
    table = blank_table()
    for head in ("Contact", "Occasion", "Until now", "From now on"):
        table.add_column(head)
    for who in people:
        times = (_moment(at, zone) if at else Text("–", "dim") for at in (who.old, who.new))
        table.add_row(
            plain(who.email or who.source_id), plain(", ".join(filter(None, (who.occasion, who.step)))), *times
        )
    return table


def backtest_lines(told: Backtest) -> Iterator[RenderableType]:
    """What a playbook would have done: the whole in a line, then months, steps, and what was held or kept out."""
    treated = told.enrollments - told.holdout
    yield Text.assemble((told.playbook, "bold"), f"  {told.first} to {told.last}")
    yield Text(f"{told.people:,} people would have entered {told.enrollments:,} times, {told.holdout:,} held out")
    yield Text(f"{told.mean:g} mails a person of {treated:,} treated passages, {told.max} at the most\n")
    yield _numbers("Month", ("Entered", "Mails"), {m: (n["entered"], n["mails"]) for m, n in told.by_month.items()})
    statuses = sorted({status for counts in told.actions.values() for status in counts})
    steps = {step: tuple(counts.get(status, 0) for status in statuses) for step, counts in told.actions.items()}
    yield Text()
    yield _numbers("Step", [status.capitalize() for status in statuses], steps)
    for words, reasons in (("Held, each once", told.held), ("Kept out", told.kept_out)):
        if reasons:
            yield Text()
            yield _numbers(words, ("Times",), {reason: (count,) for reason, count in reasons.items()})
    yield Text()
    if told.unknown:
        since = f"{told.known_since:%Y-%m-%d}" if told.known_since else "the first sync"
        yield Text(f"Before {since} only later values are known of {', '.join(told.unknown)}.", "yellow")
    yield Text("Nobody got anything, so nobody answered or clicked.", "dim")


def _numbers(first: str, heads: Sequence[str], rows: Mapping[str, Sequence[int]]) -> Table:
    table = blank_table()
    table.add_column(first)
    for head in heads:
        table.add_column(head, justify="right", no_wrap=True)
    for name, numbers in rows.items():
        table.add_row(plain(name), *(f"{number:,}" for number in numbers))
    return table


def ticked_lines(ticked: Ticked) -> Iterator[RenderableType]:
    """One tick in a few lines."""
    for one in ticked.synced:
        new = sum(counts.new for counts in one.tables.values())
        changed = sum(counts.changed for counts in one.tables.values())
        aside = sum(counts.set_aside for counts in one.tables.values())
        yield Text(
            f"sync     {one.connector}: {new:,} new, {changed:,} changed" + (f", {aside:,} set aside" if aside else "")
        )
    for e in ticked.entered:
        if e.entered or e.holdout or e.refused or e.braked:
            parts = [
                (e.entered, "entered"),
                (e.holdout, "holdout"),
                (e.refused, "kept out"),
                (e.braked, "held by the brake"),
            ]
            yield Text(f"enroll   {e.playbook}: " + ", ".join(f"{count:,} {word}" for count, word in parts if count))
    did = ticked.delivered
    names = ("accepted", "refused", "returned", "unsure", "held", "skipped", "ended")
    told = [f"{getattr(did, name):,} {name}" for name in names if getattr(did, name)]
    if did.done:
        told.append(f"{did.done:,} other steps done")
    yield Text("deliver  " + (", ".join(told) or "nothing was due"))


def explain_lines(person: Mapping[str, Any], told: Sequence[Explained], *, zone: str) -> Iterator[RenderableType]:
    """One person, playbook by playbook, with the clauses that decided."""
    name = person["name"] or person["email"] or person["source_id"]
    address = "" if name == person["email"] else f"  {person['email'] or 'no address'}"
    yield Text.assemble((str(name), "bold"), f"{address}  source id {person['source_id']}  zone {person['zone']}")
    if earned := _earned(person):
        yield Text(earned, "dim")
    if person["no_mail"]:
        yield Text(f"gets no mail: {person['no_mail']}", "yellow")
    for one in told:
        yield Text()
        yield Text.assemble(
            (one.playbook, "bold"), "  ", (one.state, _state_colour(one.state)), "  ", plain(one.reason)
        )
        for clause in one.clauses:
            mark = Text("yes", "green") if clause.holds else Text("no ", "yellow")
            value = f"  ({clause.value})" if clause.value else ""
            yield Padding(Text.assemble(mark, "  ", plain(clause.text), (value, "dim")), (0, 0, 0, 2))
        if one.decisions:
            yield Padding(log_table(one.decisions, zone=zone, show_header=False), (0, 0, 0, 2))


def _earned(person: Mapping[str, Any]) -> str:
    """`tier silver, 120 points, 2 friends brought`"""
    parts = [f"tier {person['tier']}"] if person.get("tier") else []
    if person.get("points") is not None:
        parts.append(f"{person['points']:,.0f} points")
    if friends := person.get("friends"):
        parts.append(f"{friends} {'friend' if friends == 1 else 'friends'} brought")
    return ", ".join(parts)


def _state_colour(state: str) -> str:
    if state.startswith("inside") or state == "fires now":
        return "green"
    return "red" if state in ("broken", "waits for approval") else "dim"


def tried_lines(one: Tried) -> Iterator[RenderableType]:
    """A playbook's tests, one a line; below one that failed what was expected, what happened, and why."""
    for ran in one.ran:
        mark = Text("ok    ", "green") if ran.passed else Text("failed", "bold red")
        yield Text.assemble(mark, "  ", plain(f"{one.playbook.id}: {ran.case.name}"))
        if ran.passed:
            continue
        yield Text(f"        {one.playbook.file.name}:{one.line_of(ran)}", "dim")
        for words in ran.failures:
            yield Text.assemble("        ", (plain(words).plain, "red"))
        for words in ran.happened():
            yield Text.assemble("        ", plain(words))


def doctor_table(found: Examined) -> Table:
    table = blank_table()
    table.add_column("", no_wrap=True)
    table.add_column("What", no_wrap=True)
    table.add_column("Finding", ratio=1)
    for many, findings in groupby(found.checks, key=lambda finding: finding.one_of_many):
        told = list(findings)
        shown = told[:_SHOWN_OF_MANY] if many else told
        for finding in shown:
            table.add_row(Text(*_MARKS[finding.status]), plain(finding.name), plain(finding.message))
        if left_out := len(told) - len(shown):
            words = f"and {left_out:,} more that were set aside; `regulars doctor --json` has all"
            table.add_row(Text(*_MARKS["warning"]), "connectors", words)
    return table


def task_table(found: Sequence[Mapping[str, Any]], *, zone: str) -> RenderableType:
    if not found:
        return Text("Nothing to do.")
    table = blank_table()
    table.add_column("Due", no_wrap=True)
    for head, ratio in (("Task", 3), ("Contact", 2), ("Owner", 2)):
        table.add_column(head, ratio=ratio)
    table.add_column("Priority", no_wrap=True)
    for task in found:
        table.add_row(
            _moment(task["due_at"], zone),
            plain(task["subject"]),
            plain(task["contact"]["email"] or str(task["contact"]["id"])),
            plain(task["owner"] or ""),
            str(task["priority"] or ""),
        )
    return table


def unsure_table(found: Sequence[Mapping[str, Any]], *, zone: str) -> RenderableType:
    if not found:
        return Text("No send is unsure.")
    table = blank_table()
    for head in ("Claimed", "Send", "Playbook", "Step", "Address", "Why"):
        table.add_column(head)
    for send in found:
        cells = (send["id"], send["playbook"], send["step"], send["address"], send["reason"] or "")
        table.add_row(_moment(send["claimed_at"], zone), *(plain(cell) for cell in cells))
    table.caption = "regulars settle SEND --sent, --resend or --drop; or all of a playbook with --playbook ID."
    table.caption_style, table.caption_justify = "dim", "left"
    return table


def _moment(at: datetime, zone: str) -> str:
    return f"{clock.local(at, zone):%Y-%m-%d %H:%M}"
