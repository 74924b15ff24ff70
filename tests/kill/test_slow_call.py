"""Somebody who takes longer than the lease, so that another process believes them dead."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from connectors.base import Mailing, Outcome, Verdict
from runner import clock
from runner.app import App
from runner.app.tick import tick
from runner.deliver import Office, sweep
from tests.core.world import Postbox, World, all_of
from tests.kill.process import PATIENCE

BIRTHDAY = "2026-05-04 09:00"


@pytest.fixture
def world(tmp_path: Path, database: str) -> Iterator[World]:
    opened = World(tmp_path, database)
    opened.people("ada", birthday=date(1990, 5, 4))
    opened.playbook("wish", "trigger: {anniversary: {of: contact.birthday}}")
    yield opened
    opened.close()


def swept_by_another(world: World) -> int:
    """Another process looks for the claims of the dead, an hour later by its clock."""
    with App(world.folder, environment={}, now=lambda: world.now) as other:
        fields = other.fields()
        running = [reading.playbook for reading in other.readings(fields) if reading.playbook]
        later = clock.machine_now() + timedelta(hours=1)
        office = replace(other.office(running, fields), mailers={"outbox": Postbox()}, machine_now=lambda: later)
        return sweep(office, world.now)


def meanwhile(world: World, verdict: Verdict) -> Callable[[Mailing], Sequence[Outcome]]:
    """A mailer that comes back with its verdict after the sweep."""

    def answers(mailing: Mailing) -> Sequence[Outcome]:
        assert swept_by_another(world) == 1
        return all_of(mailing, verdict, "too many requests")

    return answers


def test_an_answer_that_comes_after_the_sweep_still_counts(world: World) -> None:
    world.mailer = Postbox(meanwhile(world, Verdict.ACCEPTED))
    assert world.tick(BIRTHDAY).exit_code == 0
    (row,) = world.log()
    assert (row.status, row.send and row.send.state) == ("done", "accepted")


def test_what_comes_back_after_the_sweep_goes_out_once(world: World) -> None:
    world.mailer = Postbox(meanwhile(world, Verdict.UNTRIED))
    assert world.tick(BIRTHDAY).exit_code == 3
    world.mailer = Postbox()
    world.ticks("2026-05-04 09:10", "2026-05-04 09:20")
    assert world.mailer.addresses == ["ada@x.example"]


class SlowTemplates:
    """Templates whose first rendering outlasts the lease."""

    def __init__(self, templates: Any, world: World) -> None:
        self._templates = templates
        self._world = world
        self.swept = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._templates, name)

    def mailings(self, *args: Any, **named: Any) -> Any:
        self.swept = self.swept or swept_by_another(self._world)
        return self._templates.mailings(*args, **named)


def test_who_was_swept_before_the_call_does_not_call_and_whoever_claims_it_next_does(world: World) -> None:
    templates = SlowTemplates(world.app.templates, world)
    world.app.__dict__["templates"] = templates
    world.ticks(BIRTHDAY, "2026-05-04 09:05")
    assert templates.swept == 1
    assert world.mailer.addresses == ["ada@x.example"]


class Machine:
    """A machine's clock that is moved by hand, and tells when the heart has beaten."""

    def __init__(self) -> None:
        self.now = clock.machine_now()
        self._asked = threading.Semaphore(0)

    def __call__(self) -> datetime:
        if threading.current_thread().name == "heartbeat":
            self._asked.release()
        return self.now

    def pass_minutes(self, minutes: int) -> None:
        """Two beats begin before it returns, so that the first has been written."""
        self.now += timedelta(minutes=minutes)
        while self._asked.acquire(blocking=False):
            pass
        for _ in range(3):
            assert self._asked.acquire(timeout=PATIENCE)


def office_on(machine: Machine, app: App, *args: Any) -> Office:
    return replace(App.office(app, *args), machine_now=machine)


def test_a_call_that_outlasts_the_lease_is_nobody_elses_while_its_caller_lives(tmp_path: Path, database: str) -> None:
    machine, others = Machine(), Postbox()

    def long_call(mailing: Mailing) -> Sequence[Outcome]:
        machine.pass_minutes(4)
        machine.pass_minutes(4)
        with App(world.folder, environment={}, now=lambda: world.now) as other:
            other.__dict__.update(mailer=others, office=partial(office_on, machine, other))
            for _ in range(3):
                tick(other, world.now)
        return all_of(mailing, Verdict.ACCEPTED)

    with closing(World(tmp_path, database, "on_unsure: resend")) as world:
        world.people("ada", birthday=date(1990, 5, 4))
        world.playbook("wish", "trigger: {anniversary: {of: contact.birthday}}")
        world.mailer = Postbox(long_call)
        world.app.lease.beat = 0.001
        world.app.__dict__["office"] = partial(office_on, machine, world.app)
        world.tick(BIRTHDAY)
        assert (world.mailer.addresses, others.addresses) == (["ada@x.example"], [])
        assert world.who_got() == ["ada"]
