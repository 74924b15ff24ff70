"""A figure that passes a mark tells a colleague, once; what is too few, or was so before, tells nobody."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from runner.report import spans_before
from runner.store.tables import ACCOUNT, contacts, enrollments
from tests.core.world import World, utc

WATCH = """
owner: care@acme.example
trigger: {kpi: {key: churn_rate, above: 40%, per: month, periods: 2}}
actions:
  - notify:
      id: tell
      to: owner
      subject: "{{ kpi.name }} in {{ kpi.period }}"
      body: "{{ kpi.told }}"
"""
SETTINGS = "kpis: {activity_window: 60 days, minimum_n: 5}"


def told(world: World) -> list[str]:
    return [row.reason for row in world.log() if row.step == "tell"]


def sold(world: World, people: int, *months: int) -> None:
    """So many people order on the fifth of each of these months of 2026."""
    for number in range(people):
        for month in months:
            world.order(f"c{number}", utc(f"2026-{month:02}-05"))


@pytest.fixture
def lively(world: World) -> World:
    """Forty customers, each of whom orders every month until March; then only six go on."""
    world.write("regulars.yaml", (world.folder / "regulars.yaml").read_text() + SETTINGS + "\n")
    world.reopen()
    world.people(*(f"c{number}" for number in range(40)))
    sold(world, 40, 1, 2, 3)
    sold(world, 6, 4, 5, 6)
    world.playbook("watch", WATCH)
    return world


def test_a_figure_whose_whole_interval_lies_beyond_the_mark_is_told_once(lively: World) -> None:
    for day in ("2026-04-15", "2026-05-02", "2026-06-02", "2026-06-03", "2026-06-20", "2026-07-02"):
        lively.tick(f"{day} 09:00")
    assert len(told(lively)) == 1
    assert "Customer churn rate of 2026-05 is 85.0 %" in told(lively)[0]
    assert "above 40.0 %" in told(lively)[0]


def test_the_account_that_is_told_is_nobody_whom_other_playbooks_take_in(lively: World) -> None:
    lively.playbook(
        "all", "trigger: {schedule: {every: 1 day, stagger: false}}\nactions: [{create_task: {subject: Call}}]"
    )
    for day in ("2026-06-02", "2026-06-03", "2026-06-04"):
        lively.tick(f"{day} 09:00")
    asked = lively.rows(sa.select(contacts.c.key).join(enrollments).where(enrollments.c.playbook == "all").distinct())
    assert len(asked) == 40
    assert ACCOUNT not in {row.key for row in asked}


def test_what_was_so_before_the_playbook_ran_is_existing(lively: World) -> None:
    lively.tick("2026-06-02 09:00")
    lively.tick("2026-06-03 09:00")
    assert told(lively) == []


def test_existing_may_be_told(lively: World) -> None:
    lively.playbook("watch", WATCH.replace("periods: 2", "periods: 2, existing: enter"))
    lively.tick("2026-06-02 09:00")
    assert len(told(lively)) == 1


def test_what_has_been_so_for_long_is_news_to_a_new_playbook_once(lively: World) -> None:
    lively.playbook("watch", WATCH.replace("40%", "-1%").replace("periods: 2", "periods: 2, existing: enter"))
    for day in ("2026-05-02", "2026-05-03", "2026-06-02"):
        lively.tick(f"{day} 09:00")
    assert ["of 2026-04 is" in reason for reason in told(lively)] == [True]


def test_too_few_cases_alarm_nobody(lively: World) -> None:
    lively.write(
        "regulars.yaml", (lively.folder / "regulars.yaml").read_text().replace("minimum_n: 5", "minimum_n: 50")
    )
    lively.reopen()
    for day in ("2026-04-15", "2026-05-02", "2026-06-02", "2026-07-02"):
        lively.tick(f"{day} 09:00")
    assert told(lively) == []


def test_no_customer_enters(lively: World) -> None:
    for day in ("2026-04-15", "2026-05-02", "2026-06-02"):
        lively.tick(f"{day} 09:00")
    assert {row.contact.source_id for row in lively.log()} == {"account"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("churn_rate", "chrun_rate"), "no KPI 'chrun_rate'; did you mean 'churn_rate'?"),
        (("above: 40%", "above: 40%, below: 3%"), "must have one of above: and below:; write above: 7%"),
        (("above: 40%", "above: much"), "must be a number, or a share such as 7%, is 'much'"),
    ],
)
def test_a_mistake_is_named(world: World, change: tuple[str, str], said: str) -> None:
    world.playbook("watch", WATCH.replace(*change))
    assert said in str(world.check().faults[0])


def test_a_mail_to_a_customer_there_is_none_is_a_fault(world: World) -> None:
    steps = "actions:\n  - send_email: {id: hello, template: email/hello, subject: Hello}\n"
    world.playbook("watch", WATCH.partition("actions:")[0] + steps)
    assert "there is no customer it could be for" in str(world.check().faults[0])


def test_periods_are_full_ones_the_latest_first() -> None:
    day = utc("2026-05-06").date()
    assert [span.name for span in spans_before(day, "month", 5)] == [
        "2026-04",
        "2026-03",
        "2026-02",
        "2026-01",
        "2025-12",
    ]
    assert [span.name for span in spans_before(day, "quarter", 2)] == ["2026-Q1", "2025-Q4"]
    week = spans_before(day, "week", 1)[0]
    assert (week.name, str(week.period.start), str(week.period.end)) == ("2026-W18", "2026-04-27", "2026-05-04")
