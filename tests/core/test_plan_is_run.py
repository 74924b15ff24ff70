"""What `plan` tells is exactly what the run then does, decision by decision."""

from __future__ import annotations

import io
import itertools
import shutil
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from rich.console import Console

from runner.app import decisions
from runner.cli.reports import plan_tables
from runner.errors import NeedsPerson
from runner.log import LogRow
from runner.store.tables import metadata
from tests.core.world import World, utc

SAID = {"do": "done", "hold": "held", "skip": "skipped", "end": "ended"}
STEPS = """\
actions:
  - send_email: {id: z_first, template: email/hello, subject: First}
  - create_task: {id: call, subject: Call}
  - wait: 1 day
  - survey: {id: a_ask, template: email/ask}
  - send_email: {id: more, template: email/hello, subject: More}
"""
WAYS = """\
actions:
  - wait: {for: {event: order}, at_most: 20 hours}
  - choose:
      - when: enrollment.happened and contact.country == "PL"
        actions: [{survey: {id: ask, template: email/ask, close_after: 1 day}}]
      - when: contact.country == "FR"
        actions: [{stop: "no, thanks"}]
      - otherwise: [{send_email: {id: serve, template: email/hello, subject: Hi, purpose: service}}]
  - split:
      id: draw
      arms:
        - {name: a, share: 50%, actions: [{send_email: {id: a, template: email/hello, subject: A}}]}
        - {name: b, share: 50%, actions: []}
  - choose:
      - when: answer.score <= 6
        actions: [{create_task: {id: call, subject: Call}}]
  - wait: {until: "10:30"}
"""
BOOKS = (
    f"trigger: {{anniversary: {{of: contact.birthday, catch_up: 2 days}}}}\naudience: contact.country != 'US'\n{STEPS}",
    f"trigger: anniversary\nholdout: 30%\nlimits: {{priority: high}}\n{STEPS}",
    f"trigger: {{low_score: {{at_most: 8}}}}\nreenter: never\n{STEPS}",
    f"trigger: {{inactivity: {{for: 2 days, existing: enter}}}}\ngoal: {{event: order}}\n{STEPS}",
    "trigger: {onboarding: {day: 1}}\nexit_when: contact.country == 'FR'\nlimits: {cap: false, priority: low}\n",
    "trigger: {schedule: {every: 3 days}}\nreenter: after 4 days\nbrake: {people: 1, at_least: 1, share: 1%}\n",
    f"trigger: {{low_score: {{at_most: 8}}}}\nmode: restart\nholdout: {{share: 30%, group: all}}\n{WAYS}",
    f"trigger: {{onboarding: {{day: 1}}}}\nmode: single\nholdout: 50%\n{WAYS}",
)
RULES = (
    "",
    "caps: {per_day: 1, per_week: 3, survey_every: 5 days}\n"
    "quiet_hours: {from: '20:00', to: '08:00', weekends: quiet}\n",
    "caps: {per_day: 1, when_over: skip}\nconsent: required\n",
    "caps: {per_day: 2, when_over: defer}\nmax_lateness: 1 day\n",
)
ZONES = ("UTC", "Pacific/Kiritimati", "America/New_York")
START = utc("2026-05-04 07:00")
somebody = st.fixed_dictionaries(
    {
        "birthday": st.dates(date(1990, 5, 3), date(1990, 5, 7)),
        "customer_since": st.dates(date(2024, 5, 3), date(2024, 5, 7)) | st.dates(date(2026, 5, 2), date(2026, 5, 6)),
        "country": st.sampled_from(("PL", "US", "FR", None)),
        "timezone": st.sampled_from(ZONES),
        "consent": st.sampled_from(("yes", "no", None)),
        "opted_out": st.sampled_from((None, None, True)),
        "email": st.sampled_from((None, "shared@x.example", "own@x.example", "broken")),
    }
)
news = st.tuples(st.integers(0, 4), st.sampled_from(("order", "answer")), st.integers(1, 47))


#: A smaller example costs minutes to find, and these are small.
NO_SHRINKING = (Phase.explicit, Phase.reuse, Phase.generate)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), phases=NO_SHRINKING)
@given(
    people=st.lists(somebody, min_size=2, max_size=5),
    books=st.sets(st.sampled_from(BOOKS), min_size=1, max_size=4),
    rules=st.sampled_from(RULES),
    told=st.lists(news, max_size=6),
    hours=st.lists(st.sampled_from((1, 5, 13, 24, 30)), min_size=2, max_size=5),
)
def test_a_plan_and_the_run_after_it_agree(
    tmp_path: Path,
    sqlite_url: str,
    people: list[dict[str, object]],
    books: set[str],
    rules: str,
    told: list[tuple[int, str, int]],
    hours: list[int],
) -> None:
    with closing(_copy_of(tmp_path, sqlite_url, rules)) as world:
        world.now = START - timedelta(days=9)
        for number, person in enumerate(people):
            world.person(f"p{number}", **person)
        for number, book in enumerate(sorted(books)):
            world.playbook(f"book{number}", book)
        for number, (who, what, hour) in enumerate(told):
            _tell(world, f"p{who % len(people)}", what, START + timedelta(hours=hour), number)
        for at in itertools.accumulate(hours, lambda at, more: at + timedelta(hours=more), initial=START):
            _agree(world, at)


_worlds = itertools.count()


def _copy_of(tmp_path: Path, url: str, rules: str) -> World:
    folder = tmp_path / f"world{next(_worlds)}"
    folder.mkdir()
    for file in Path(url.removeprefix("sqlite:///")).parent.glob("*.db"):
        shutil.copyfile(file, folder / file.name)
    return World(folder, f"sqlite:///{folder / 'regulars.db'}", rules)


def _tell(world: World, who: str, what: str, at: object, number: int) -> None:
    if what == "order":
        world.order(who, at, id=f"o{number}")  # type: ignore[arg-type]
    else:
        world.answer(who, number % 10, at, id=f"a{number}")  # type: ignore[arg-type]


def _agree(world: World, at: object) -> None:
    planned = world.plan(at)  # type: ignore[arg-type]
    world.tick(at)  # type: ignore[arg-type]
    rows = world.log()
    done = sorted(_told(row) for row in rows if row.at == at and row.step)
    assert sorted(_told(row) for row in planned if row.step) == done
    kept_out = {_told(row) for row in planned if not row.step}
    assert {_told(row) for row in rows if row.at == at and not row.step} <= kept_out <= {_told(row) for row in rows}


def _told(row: LogRow) -> tuple[str, ...]:
    status = SAID.get(row.status, row.status)
    who = row.contact.source_id
    return (row.playbook, who, row.occasion, row.step, row.action, row.arm, status, row.reason, str(row.until))


def test_a_plan_writes_nothing_and_sends_nothing(each_world: World) -> None:
    each_world.person("ada", birthday=date(1990, 5, 4))
    each_world.playbook("wish", BOOKS[0])
    assert [row.step for row in each_world.plan(START + timedelta(hours=2))] == ["z_first", "call", "wait-1"]
    assert each_world.log() == []
    assert each_world.mailer.mailings == []
    assert each_world.inside() == {}


def test_a_plan_counts_nobody_who_may_not_be_written_to(each_world: World) -> None:
    each_world.people("ada", "bob", "cyd", birthday=date(1990, 5, 4))
    each_world.person("ada", birthday=date(1990, 5, 4), opted_out=True)
    each_world.person("bob", birthday=date(1990, 5, 4), email="nonsense")
    each_world.playbook("wish", "trigger: {anniversary: {of: contact.birthday}}")
    told = {row.contact.source_id: (row.status, row.reason) for row in each_world.plan("2026-05-04 10:00")}
    assert told == {
        "ada": ("end", "opted out in the CRM on 2026-01-01"),
        "bob": ("skip", "no valid address: 'nonsense'"),
        "cyd": ("do", "36 years since birthday 1990-05-04"),
    }


def test_who_would_get_something_is_shown_however_many_are_turned_away(world: World) -> None:
    world.people(*(f"no{number}" for number in range(50)), birthday=date(1990, 5, 4), country="DE")
    world.person("yes", birthday=date(1990, 5, 4), country="PL")
    world.playbook("all", 'trigger: {anniversary: {of: contact.birthday}}\naudience: contact.country == "PL"')
    console = Console(record=True, width=200, file=io.StringIO())
    console.print(*plan_tables(world.plan("2026-05-04 10:00"), zone="UTC"))
    told = console.export_text()
    assert "yes@x.example" in told
    assert "no1@x.example" not in told
    assert 'skip      50  not in the audience: contact.country == "PL"' in told


def test_a_plan_tells_of_the_brake(world: World) -> None:
    world.people(*"abc", birthday=date(1990, 5, 4))
    world.playbook("wish", "trigger: {anniversary: {of: contact.birthday}}\nbrake: {people: 2}")
    assert {row.status for row in world.plan("2026-05-04 10:00")} == {"hold"}
    world.tick()
    assert world.why("a") == ["enter: held, the brake: more people at once than it allows; waits for approval"]
    decisions.approve(world.app, "wish", None)
    world.tick("2026-05-04 10:05")
    assert world.why("a") == ["hello: done, 36 years since birthday 1990-05-04"]


def test_a_plan_goes_by_an_edit_that_has_not_run_yet(each_world: World) -> None:
    each_world.person("ada", birthday=date(1990, 5, 4))
    mail = "send_email: {id: hello, template: email/hello, subject: Hello}"
    wish = "trigger: {anniversary: {of: contact.birthday}}\non_edit: move\nactions:"
    each_world.playbook("wish", f"{wish}\n  - wait: 30 days\n  - {mail}")
    each_world.tick("2026-05-04 10:00")
    each_world.playbook("wish", f"{wish}\n  - wait: 1 day\n  - {mail}")
    planned = [(row.step, row.status) for row in each_world.plan("2026-05-05 10:00")]
    each_world.tick("2026-05-05 10:00")
    assert planned == [("wait-1", "do"), ("hello", "do")]
    assert [row.step for row in each_world.log("ada")] == ["wait-1", "hello"]


def test_a_plan_goes_by_a_new_name_of_a_playbook(each_world: World) -> None:
    each_world.person("ada", birthday=date(1990, 5, 4))
    wish = f"trigger: {{anniversary: {{of: contact.birthday}}}}\n{STEPS}"
    each_world.playbook("wish", wish)
    each_world.tick("2026-05-04 10:00")
    each_world.delete("wish")
    each_world.playbook("birthday", f"was: wish\n{wish}")
    planned = [(row.playbook, row.step) for row in each_world.plan("2026-05-05 10:00")]
    each_world.tick("2026-05-05 10:00")
    assert planned == [("birthday", "wait-1"), ("birthday", "a_ask"), ("birthday", "more")]
    assert {row.playbook for row in each_world.log("ada")} == {"birthday"}


def test_a_plan_for_a_time_that_is_over_is_refused(world: World) -> None:
    world.tick("2026-05-04 10:00")
    with pytest.raises(NeedsPerson, match="the last tick was at 2026-05-04T10:00"):
        world.plan("2026-05-04 09:00")


def test_a_plan_for_later_leaves_the_store_as_it_was(each_world: World) -> None:
    each_world.people("ada")
    each_world.playbook("sorry", "trigger: {low_score: {}}")
    each_world.tick("2026-03-01 09:00")
    each_world.order("ada", utc("2026-03-05 10:00"))
    each_world.answer("ada", 2, utc("2026-03-05 11:00"))
    before = _everything(each_world)
    assert [row.status for row in each_world.plan("2026-03-06 09:00")] == ["do"]
    assert _everything(each_world) == before


def _everything(world: World) -> dict[str, list[object]]:
    return {table.name: sorted(map(repr, world.rows(sa.select(table)))) for table in metadata.sorted_tables}
