"""Figures and log rows as tables for a terminal: calm, aligned, readable at 100 columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from itertools import islice

from rich.box import SIMPLE_HEAD
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from runner import clock
from runner.app.log_words import asides, came_of
from runner.kpis import KPIS, Alarm, Kpi, Status, Unit
from runner.kpis.intervals import wilson
from runner.kpis.words import (
    alarm_words,
    interval_words,
    is_worth_a_line,
    known_words,
    lacking_words,
    lacks_rows,
    notes_beside,
    number_words,
    period_words,
    status_words,
    target_words,
)
from runner.log import LogRow, PlaybookSummary

#: Rows of the log laid out at a time, so that a long one appears at once.
PAGE = 200
#: Each status has its colour; the word always stands beside it.
_COLOURS = {
    "do": "green",
    "done": "green",
    "hold": "yellow",
    "skip": "yellow",
    "end": "dim",
    "held": "yellow",
    "skipped": "yellow",
    "ended": "dim",
    "failed": "red",
    "unsure": "bold red",
}
_STATUS_COLOURS = {
    Status.MET: "green",
    Status.MISSED: "red",
    Status.UNCLEAR: "yellow",
    Status.TOO_FEW: "yellow",
}
_ALARM_COLOURS = {Alarm.CROSSED: "bold red", Alarm.PERHAPS: "yellow"}


#: So many figures without any rows stand each in a line; more of them together below.
_LACKING = 3


def kpi_table(kpis: Sequence[Kpi], *, zone: str = "UTC", more: bool = False) -> RenderableType:
    """The figures of one period with interval and cases; parts that are zero or without value are left out.

    `more`: they are a few of all there are.
    """
    if not kpis:
        return Text("No KPI was asked for.")
    table = blank_table()
    table.add_column("KPI", no_wrap=True)
    for head in ("Value", "95 % interval", "n"):
        table.add_column(head, justify="right", no_wrap=True)
    table.add_column("Target", ratio=1, min_width=18)
    lacking = [kpi for kpi in kpis if lacks_rows(kpi) and not kpi.part_of]
    gathered = lacking_words(lacking) if len(lacking) > _LACKING else ()
    left_out = [f"These are the figures of your goals; all {len(KPIS)}: regulars kpis --all"] if more else ()
    table.caption = "\n".join([*gathered, *notes_beside(kpis), *left_out]) or None
    table.caption_style, table.caption_justify = "dim", "left"
    for kpi in filter(is_worth_a_line, kpis):
        name = Text(f"  {kpi.name}", "dim") if kpi.part_of else Text(kpi.name, "bold")
        if not (gathered and lacks_rows(kpi)):
            table.add_row(name, *_cells(kpi))
    return Group(_heading(kpis[0], zone), table)


def log_table(
    rows: Iterable[LogRow], *, zone: str = "UTC", show_header: bool = True, why: str = "Why, and what came back"
) -> Table:
    """Decisions, one a line: when, who, by which playbook and step, what happened and why."""
    table = blank_table(show_header=show_header)
    table.add_column("When", width=16, no_wrap=True)
    table.add_column("Contact", ratio=5, overflow="fold")
    table.add_column("Playbook, step", ratio=5, overflow="fold")
    table.add_column("", width=7, no_wrap=True)
    table.add_column(why, ratio=8)
    for row in rows:
        table.add_row(
            f"{clock.local(row.at, zone):%Y-%m-%d %H:%M}",
            plain(row.contact.email or row.contact.source_id),
            plain(f"{row.playbook}, {row.step}" if row.step else row.playbook),
            Text(row.status, _COLOURS.get(row.status, "")),
            _why(row, zone),
        )
    return table


def log_pages(rows: Iterable[LogRow], *, zone: str = "UTC") -> Iterator[Table]:
    """A log of any length as tables that stand under one another as one."""
    remaining = iter(rows)
    first = True
    while page := list(islice(remaining, PAGE)):
        yield log_table(page, zone=zone, show_header=first)
        first = False


def summary_table(playbooks: Sequence[PlaybookSummary]) -> RenderableType:
    """What each playbook did, and below it the commonest reasons of what it did not do."""
    if not playbooks:
        return Text("Nothing has been decided yet.")
    statuses = [status for status in _COLOURS if any(playbook.counts.get(status) for playbook in playbooks)]
    table = blank_table()
    table.add_column("Playbook", min_width=20)
    for head in ("People", "Sent", "Opened", "Answered", *(status.capitalize() for status in statuses)):
        table.add_column(head, justify="right", no_wrap=True)
    for playbook in playbooks:
        mail = playbook.mail
        numbers = (playbook.people or 0, mail.sent, mail.human_open, mail.answered)
        counted = [Text(_number(playbook.counts.get(s, 0)), _COLOURS[s]) for s in statuses]
        table.add_row(plain(playbook.playbook), *map(_number, numbers), *counted)
    table.caption = "Sent: messages the mailer accepted. Opened: by a person. The rest: decisions in the log."
    table.caption_style, table.caption_justify = "dim", "left"
    if not any(playbook.reasons for playbook in playbooks):
        return table
    return Group(table, Text(), _reasons(playbooks))


def mail_table(playbooks: Sequence[PlaybookSummary]) -> RenderableType:
    """What became of each playbook's mail: who opened it, and how sure that is."""
    mailing = [playbook for playbook in playbooks if playbook.mail.sent]
    if not mailing:
        return Text("No mail has gone out yet.")
    table = blank_table()
    table.add_column("Playbook", min_width=16)
    for head in ("Delivered", "By people", "95 % interval", "Machines", "Unknown", "Clicked", "Stopped", "Spam"):
        table.add_column(head, justify="right", no_wrap=True)
    for playbook in mailing:
        mail = playbook.mail
        low, high = wilson(mail.human_open, mail.delivered) if mail.delivered else (0.0, 1.0)
        shares = [_of(count, mail.delivered) for count in (mail.human_open, mail.machine_open, mail.unknown_open)]
        table.add_row(
            plain(playbook.playbook),
            _number(mail.delivered),
            shares[0],
            f"{low:.1%} – {high:.1%}" if mail.delivered else "",
            *shares[1:],
            _of(mail.human_click, mail.delivered),
            _number(mail.unsubscribed),
            _number(mail.complained),
        )
    table.caption = "Opened by people, by machines alone, and by nobody can say whom; clicked by people."
    table.caption_style, table.caption_justify = "dim", "left"
    return table


def _of(count: int, whole: int) -> str:
    return f"{count / whole:.1%}" if whole else ""


def _reasons(playbooks: Sequence[PlaybookSummary]) -> Table:
    table = blank_table()
    table.add_column("Why not", ratio=1, min_width=20)
    table.add_column("", no_wrap=True)
    table.add_column("Times", justify="right", no_wrap=True)
    table.add_column("Commonest reasons", ratio=3)
    for playbook in playbooks:
        name = playbook.playbook
        for status, reasons in playbook.reasons.items():
            for told in reasons:
                table.add_row(
                    plain(name), Text(status, _COLOURS.get(status, "")), _number(told.count), plain(told.reason)
                )
                name = ""
    return table


class _Sheet(Table):
    """As wide as what stands in it, unless a column takes the room that is left, or words below it need the room."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        self.expand = any(column.ratio is not None for column in self.columns)
        if self.caption is not None and not self.expand:
            self.columns[0].ratio, self.expand = 1, True
        yield from super().__rich_console__(console, options)


def blank_table(*, show_header: bool = True) -> Table:
    return _Sheet(box=SIMPLE_HEAD, pad_edge=False, show_header=show_header, show_edge=False, padding=(0, 1, 0, 0))


def _heading(kpi: Kpi, zone: str) -> Text:
    return Text(period_words(kpi), "bold").append(f"  {known_words(kpi, zone)}", "dim").append("\n")


def _cells(kpi: Kpi) -> tuple[RenderableType, RenderableType, RenderableType, RenderableType]:
    if kpi.value is None:
        return Text("–", "dim"), "", _number(kpi.n) if kpi.n else "", Text(kpi.why, "dim")
    interval = Text(interval_words(kpi), "dim")
    cases = "" if kpi.unit is Unit.COUNT else _number(kpi.n)
    value = Text(number_words(kpi.value, kpi.unit)).append(f" {kpi.currency}" if kpi.currency else "", "dim")
    return value, interval, cases, _against_target(kpi)


def value_of(kpi: Kpi) -> Text:
    """The value alone, a dash without one."""
    return Text("–", "dim") if kpi.value is None else Text(number_words(kpi.value, kpi.unit))


def _against_target(kpi: Kpi) -> Text:
    words = [(target_words(kpi), "")]
    if kpi.warning is not None and kpi.warning.state is not None:
        words.append((alarm_words(kpi), _ALARM_COLOURS.get(kpi.warning.state, "")))
    if kpi.status is not None:
        words.append((status_words(kpi), _STATUS_COLOURS[kpi.status]))
    return Text("  ").join(Text(said, colour) for said, colour in words if said)


def _why(row: LogRow, zone: str) -> Text:
    """`quiet hours, until Tue 3 Mar 08:00` · `birthday today · opened, answered 9`"""
    text = plain(row.reason).append(asides(row, zone))
    for came in came_of(row):
        text.append(" · ", "dim").append_text(plain(came))
    return text


def plain(text: str) -> Text:
    """What came from outside, without the control characters that a terminal would obey."""
    return Text("".join(letter if letter.isprintable() else " " for letter in text))


def _number(number: int) -> str:
    return f"{number:,}"


def _day(day: date) -> str:
    return f"{day.day} {day:%b %Y}"
