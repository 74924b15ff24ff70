"""Who waits for an order, an event, an answer or a click goes on at the same tick, whoever is looked at."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.records import Contact, Event
from runner import collect
from runner.app import App
from runner.collect import Said
from runner.collect.asked import SurveyClosed
from runner.links import Kind, Ticket
from runner.store.tables import contacts, enrollments, sends
from tests.core.test_news import EXAMPLES, _stores
from tests.core.world import TEMPLATE, World, utc

START = utc("2026-02-20 07:00")
WHO = ("ada", "bob", "cyd")
MAIL = "send_email: {id: %s, template: email/hello, subject: Hi, purpose: service}"
#: Every kind of wait, one behind the other and within ways; what comes may have come before, or lie in the future.
BOOK = f"""
trigger: {{schedule: {{every: 3 days, stagger: false}}}}
mode: restart
exit_when: contact.country == "FR"
actions:
  - {MAIL % "first"}
  - wait: {{for: {{event: order}}, at_most: 30 hours}}
  - choose:
      - when: enrollment.happened
        actions:
          - wait: {{for: {{event: login}}, at_most: 2 days}}
          - {MAIL % "logged"}
      - otherwise:
          - survey: {{id: ask, template: email/ask, remind_after: 10 hours, close_after: 2 days}}
          - wait: {{for: answer, at_most: 20 hours}}
  - wait: {{for: click, at_most: 1 day}}
  - wait: {{until: "10:30"}}
  - choose:
      - when: answer.score <= 6
        actions: [{MAIL % "sorry"}]
  - {MAIL % "last"}
"""


class InFull(App):
    """One that asks everybody at every tick."""

    narrows = False


class Waiting(World):
    """Three people who wait; a tick delivers, and looks at those of whom there is news, or at all."""

    def __init__(self, folder: Path, url: str, app: type[App]) -> None:
        self._app = app
        super().__init__(folder, url)
        self.now = START
        self.write("templates/email/ask.html", f"{TEMPLATE} {{{{ survey() }}}}")
        self.playbook("book", BOOK)
        self.people(*WHO)

    def _open(self) -> App:
        return self._app(self.folder, environment={}, now=lambda: self.now)

    def stands(self) -> list[set[tuple[Any, ...]]]:
        """Where everybody is, and every decision about them."""
        e = enrollments.c
        where = sa.select(contacts.c.key, e.occasion, e.state, e.step, e.step_since, e.waits_for, e.reason)
        told = {(r.contact.source_id, r.occasion, r.step, r.at, r.status, r.reason, r.until) for r in self.log()}
        return [{tuple(row) for row in self.rows(where.join_from(enrollments, contacts))}, told]


Happening = Callable[[Waiting], None]


def ordered(who: str, hours: int) -> Happening:
    return lambda world: world.order(who, _after(world, hours))


def logged_in(who: str, hours: int) -> Happening:
    def login(world: Waiting) -> None:
        at = _after(world, hours)
        world.hear(Event(event_id=f"{who}{at:%d%H%M}", contact_id=who, kind="login", at=at))

    return login


def answered(who: str, hours: int, score: int) -> Happening:
    """To what they were asked last, if they were."""

    def answer(world: Waiting) -> None:
        if asked := world.rows(_last(who, sends.c.action == "survey")):
            ((send, contact),) = asked
            with suppress(SurveyClosed):
                collect.record(world.store, Ticket(Kind.SURVEY, send, contact), Said(score=score), _after(world, hours))

    return answer


def clicked(who: str, hours: int, by: str) -> Happening:
    def click(world: Waiting) -> None:
        at = _after(world, hours)
        for send, _ in world.rows(_last(who, sends.c.clicked_at.is_(None))):
            world.do(sends.update().where(sends.c.id == send).values(clicked_at=at, clicked=by))

    return click


def _last(who: str, *like: Any) -> sa.Select[Any]:
    """Of their mails like that the last."""
    theirs = sa.select(contacts.c.id).where(contacts.c.key == f"crm:{who}").scalar_subquery()
    chosen = sa.select(sends.c.id, sends.c.contact_id).where(sends.c.contact_id == theirs, *like)
    return chosen.order_by(sends.c.claimed_at.desc(), sends.c.step).limit(1)


def _after(world: World, hours: int) -> datetime:
    return world.now + timedelta(hours=hours)


def moved(who: str, country: str) -> Happening:
    person = {"email": f"{who}@x.example", "timezone": "UTC", "created_at": utc("2020-01-01")}
    return lambda world: world.hear(Contact(contact_id=who, country=country, **person))


def ticks(hours: float) -> Happening:
    def tick(world: Waiting) -> None:
        world.tick(world.now + timedelta(hours=hours))

    return tick


some, about = st.sampled_from(WHO), st.integers(-30, 20)
news = st.one_of(
    st.builds(ordered, some, about),
    st.builds(logged_in, some, about),
    st.builds(answered, some, about, st.sampled_from([3, 9])),
    st.builds(clicked, some, about, st.sampled_from(["human", "human", "machine"])),
    st.builds(moved, some, st.sampled_from(["PL", "FR"])),
)
times = st.sampled_from([5 / 60, 1, 4, 9, 13, 26]).map(ticks)
lives = st.lists(st.tuples(st.lists(news, max_size=3), times), min_size=6, max_size=12)


def live(new: Waiting, all_: Waiting, life: Sequence[tuple[Sequence[Happening], Happening]]) -> Iterator[int]:
    for told, tick in [((), ticks(4)), *life, *(((), ticks(hours)) for hours in (1, 50, 30, 30))]:
        for happens in (*told, tick):
            happens(new)
            happens(all_)
        for one, other in zip(new.stands(), all_.stands(), strict=True):
            assert (sorted(map(str, one - other)), sorted(map(str, other - one))) == ([], [])
        yield len(new.got())


#: Whatever is waited for is known some hours before its time has come, and something of another kind comes as well.
KNOWN_BEFORE: Sequence[tuple[Sequence[Happening], Happening]] = [
    ((), ticks(26)),
    ([ordered("ada", 3), ordered("bob", 3), logged_in("cyd", 1)], ticks(1)),
    ((), ticks(4)),
    ([logged_in("ada", 3), ordered("bob", 3)], ticks(1)),
    ((), ticks(4)),
    ([clicked("ada", 3, "human"), logged_in("bob", -2)], ticks(1)),
    ((), ticks(4)),
    ([clicked("bob", 3, "machine")], ticks(4)),
    ((), ticks(13)),
    ([answered("cyd", 3, 3)], ticks(1)),
    ((), ticks(4)),
]


@contextmanager
def both(model: Path, folder: Path) -> Iterator[list[Waiting]]:
    url = _stores(model, str(folder))
    with (
        closing(Waiting(folder / "new", url("new"), App)) as new,
        closing(Waiting(folder / "all", url("all"), InFull)) as all_,
    ):
        yield [new, all_]


def test_what_was_known_before_its_time_lets_people_go_on_when_it_comes(_sqlite_model: Path, tmp_path: Path) -> None:  # noqa: PT019
    with both(_sqlite_model, tmp_path) as worlds:
        *_, letters = live(*worlds, KNOWN_BEFORE)
        came = {row.step for row in worlds[0].log() if row.status == "done" and " came on " in row.reason}
    assert letters > len(WHO)
    assert came == {"wait-1", "wait-2", "ask-wait", "wait-3", "wait-4"}


@given(life=lives)
@settings(EXAMPLES, max_examples=3)
def test_whoever_waits_goes_on_as_if_everybody_had_been_asked(_sqlite_model: Path, life: Any) -> None:  # noqa: PT019
    with tempfile.TemporaryDirectory() as folder, both(_sqlite_model, Path(folder)) as worlds:
        *_, letters = live(*worlds, life)
        assert letters > len(WHO)
