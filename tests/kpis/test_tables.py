"""Figures and log rows in a terminal of 100 columns."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from rich.console import Console, RenderableType

from runner.cli.log_tables import log_pages, log_table
from runner.cli.summary_tables import summary_table
from runner.cli.tables import kpi_table
from runner.kpis import Direction, Kpi, Period, Reason, Status, Target, Unit
from runner.log import LoggedContact, LoggedSend, LoggedWrite, LogRow, MailCounts, PlaybookSummary, ReasonCount

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
CRR = Kpi(
    key="crr", name="Customer retention rate", unit=Unit.RATIO, direction=Direction.HIGHER, value=0.88, n=1200,
    low=0.827, high=0.9182, reason=None, why="", needs=("orders",), period=Period(date(2026, 1, 1), date(2026, 2, 1)),
    as_of=NOON, definition="", note="Active: an order in the 365 days before.", target=None, status=None,
)  # fmt: skip
ROW = LogRow(
    at=NOON, playbook="birthday", version="v", occasion="o", contact=LoggedContact(7, "c-7", "ada@acme.example"),
    step="greet", action="send_email", arm="treated", status="done", reason="birthday today", until=None, send=None,
)  # fmt: skip
SEND = LoggedSend(
    id="s", message_id="m", state="accepted", delivery=None, opened=None, clicked=None, answered=None,
    unsubscribed=None, complained=None,
)  # fmt: skip


def test_a_figure_stands_with_its_interval_its_cases_its_period_and_what_must_be_known_beside_it() -> None:
    printed = _printed(kpi_table([CRR], zone="Europe/Warsaw"))
    assert "88.0 %  82.7 to 91.8 %  1,200" in printed
    assert "1 Jan 2026 to 31 Jan 2026  31 days, as known on 2 Mar 2026 at 13:00 (Europe/Warsaw)" in printed
    assert "Active: an order in the 365 days before." in printed


def test_no_value_is_told_in_words_and_never_as_zero() -> None:
    none = replace(
        CRR, value=None, n=0, low=None, high=None, reason=Reason.NO_DENOMINATOR, why="no answers in the period"
    )
    printed = _printed(kpi_table([none]))
    assert "no answers in the period" in printed
    assert "0" not in printed.splitlines()[4]


def test_figures_whose_tables_are_not_connected_stand_together_by_what_they_need() -> None:
    none = replace(CRR, value=None, n=0, low=None, high=None, note="", reason=Reason.NO_DATA, why="needs carts: none")
    lacking = [replace(none, key=f"k{n}", name=f"Figure {n}", needs=("carts",)) for n in range(4)]
    assert "needs carts: none" in _printed(kpi_table([CRR, *lacking[:3]]))
    printed = _printed(kpi_table([CRR, *lacking]))
    assert "Needs carts: Figure 0, Figure 1, Figure 2, Figure 3." in printed
    assert "needs carts: none" not in printed


@pytest.mark.parametrize(
    ("unit", "value", "shown"),
    [
        (Unit.RATIO, 0.28750, "28.8 %"),  # a half is rounded up, though 100 × 0.2875 is a little less to a computer
        (Unit.RATIO, 0.12250, "12.3 %"),
        (Unit.RATIO, 1.0, "100.0 %"),
        (Unit.POINTS, 30.0, "+30"),
        (Unit.POINTS, -12.5, "−13"),
        (Unit.POINTS, -0.4, " 0 "),
        (Unit.SCORE, 3.8333, "3.83"),
        (Unit.COUNT, 12345, "12,345"),
    ],
)
def test_values_are_rounded_half_up_and_bear_their_unit(unit: Unit, value: float, shown: str) -> None:
    assert shown in _printed(kpi_table([replace(CRR, unit=unit, value=value, low=None, high=None)]))


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (Status.MET, "≥ 85.0 %  met"),
        (Status.UNCLEAR, "≥ 85.0 %  short, perhaps by chance"),
        (Status.TOO_FEW, "≥ 85.0 %  too few to judge"),
    ],
)
def test_a_target_stands_with_how_it_went(status: Status, words: str) -> None:
    assert words in _printed(kpi_table([replace(CRR, target=Target(at_least=0.85), status=status)]))


def test_parts_without_anything_to_tell_are_left_out() -> None:
    part = replace(CRR, key="crr.new", name="New customers", unit=Unit.COUNT, low=None, high=None)
    printed = _printed(kpi_table([CRR, replace(part, value=3), replace(part, name="Reactivated", value=0)]))
    assert "  New customers" in printed
    assert "Reactivated" not in printed


@pytest.mark.parametrize(
    ("kind", "state", "payload", "words"),
    [
        ("note", "accepted", {"body": "Called\ntwice"}, "birthday today · Called twice"),
        ("notify", "accepted", {"subject": "At risk", "body": "Call"}, "birthday today · At risk"),
        ("property", "waiting", {"fields": {"plan": "gold"}}, "birthday today · plan gold, crm waits for it"),
    ],
)
def test_what_was_written_down_or_told_stands_in_its_row(kind: str, state: str, payload: Any, words: str) -> None:
    write = LoggedWrite("w", kind, "crm", state, payload)
    assert words in _printed(log_table([replace(ROW, write=write)]), 200)


def test_a_webhook_s_body_stays_out_of_the_table() -> None:
    write = LoggedWrite("w", "webhook", "crm", "accepted", {"type": "step.webhook", "data": {"body": {"a": 1}}})
    assert _printed(log_table([replace(ROW, write=write)]), 200) == _printed(log_table([ROW]), 200)


def test_a_held_row_tells_why_and_until_when() -> None:
    held = replace(ROW, status="held", reason="quiet hours", until=NOON + timedelta(hours=20))
    assert "held     quiet hours, until Tue 3 Mar 09:00" in _printed(log_table([held], zone="Europe/Warsaw"), 140)


def test_until_another_year_names_the_year() -> None:
    assert "until Tue 2 Mar 2027 12:00" in _printed(log_table([replace(ROW, until=NOON + timedelta(days=365))]), 140)


@pytest.mark.parametrize(
    ("came_back", "words"),
    [
        ({}, "birthday today"),
        ({"delivery": "delivered"}, "birthday today · delivered"),
        ({"delivery": "delivered", "opened": "human"}, "birthday today · opened"),
        ({"opened": "machine", "clicked": "human", "answered": 0}, "birthday today · clicked, answered 0"),
        ({"delivery": "delivered", "opened": "machine"}, "birthday today · delivered, opened by a machine"),
        ({"opened": "unknown"}, "birthday today · opened by whom, unknown"),
        ({"delivery": "bounced"}, "birthday today · bounced"),
        ({"state": "refused"}, "birthday today · refused"),
        ({"unsubscribed": NOON, "complained": NOON}, "birthday today · unsubscribed, called it spam"),
    ],
)
def test_a_row_tells_what_came_back(came_back: dict[str, Any], words: str) -> None:
    printed = _printed(log_table([replace(ROW, send=replace(SEND, **came_back))]), 200)
    assert printed.splitlines()[-1].rstrip().endswith(words)


def test_a_name_cannot_format_or_steer_the_terminal() -> None:
    strange = replace(ROW, contact=LoggedContact(1, "c", "[red]a\x1b[2J\u202e@b.example"))
    printed = _printed(log_table([strange]), 200)
    assert "[red]a [2J @b.example" in printed


def test_a_long_log_stands_under_one_head() -> None:
    printed = "".join(_printed(page) for page in log_pages(ROW for _ in range(450)))
    assert (printed.count("Contact"), printed.count("birthday today")) == (1, 450)
    assert len({line.index("birthday today") for line in printed.splitlines() if "birthday today" in line}) == 1


def test_the_summary_counts_only_statuses_that_occur_and_tells_why_not() -> None:
    told = PlaybookSummary(
        "birthday",
        1200,
        {"done": 1190, "held": 10},
        {"held": (ReasonCount("quiet hours", 10),)},
        MailCounts(sent=1190, human_open=400),
    )
    printed = _printed(summary_table([told]))
    assert "birthday" in printed
    assert "1,200  1,190     400         0  1,190    10" in printed
    assert "Skipped" not in printed
    assert "held" in printed
    assert "quiet hours" in printed


def test_nothing_at_all_is_said_in_words() -> None:
    assert _printed(summary_table([])) == "Nothing has been decided yet.\n"
    assert _printed(kpi_table([])) == "No KPI was asked for.\n"


def _printed(table: RenderableType, width: int = 100) -> str:
    console = Console(width=width, force_terminal=False, color_system=None)
    with console.capture() as capture:
        console.print(table)
    printed = capture.get()
    assert all(len(line) <= width for line in printed.splitlines())
    return printed
