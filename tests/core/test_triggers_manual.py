"""Who is called in by hand enters now, once a call, by the same rules as everybody."""

from __future__ import annotations

import pytest

from runner.app import decisions
from runner.errors import NeedsPerson
from tests.core.world import World, utc


def calls(world: World, who: str = "ada", playbook: str = "care") -> decisions.Called:
    return decisions.call_in(world.app, playbook, who)


def ready(world: World, text: str = "trigger: manual") -> None:
    world.person("ada", country="US")
    world.playbook("care", text)
    world.tick("2026-03-01 09:00")


def test_nobody_enters_unless_called(each_world: World) -> None:
    ready(each_world)
    assert each_world.ticks("2026-03-02 09:00") == []
    assert calls(each_world).status == "entered"
    each_world.ticks("2026-03-02 09:00", "2026-03-03 09:00")
    assert each_world.why("ada") == ["hello: done, enrolled by hand"]


def test_each_call_is_an_occasion_even_at_the_same_instant(each_world: World) -> None:
    ready(each_world)
    one, two = calls(each_world), calls(each_world)
    assert one.occasion != two.occasion
    each_world.tick("2026-03-02 09:00")
    assert each_world.who_got() == ["ada", "ada"]


@pytest.mark.parametrize(
    ("rule", "status", "reason"),
    [
        ('audience: contact.country == "PL"', "skipped", 'not in the audience: contact.country == "PL"'),
        ("holdout: 100%", "holdout", "in the holdout: not written to, so that the effect can be told"),
    ],
)
def test_the_rules_hold_and_are_told(each_world: World, rule: str, status: str, reason: str) -> None:
    ready(each_world, f"trigger: manual\n{rule}")
    called = calls(each_world)
    assert (called.status, called.reason) == (status, reason)
    assert each_world.why("ada") == [f"enter: skipped, {reason}"]
    assert each_world.ticks("2026-03-02 09:00") == []


def test_reenter_holds_too(world: World) -> None:
    ready(world, "trigger: manual\nreenter: never")
    assert [calls(world).status, calls(world).status] == ["entered", "skipped"]


def test_any_playbook_may_be_called_in_and_its_own_trigger_goes_on_as_it_was(each_world: World) -> None:
    ready(each_world, "trigger: {low_score: {}}")
    each_world.now = utc("2026-03-02 09:00")
    each_world.answer("ada", 3, utc("2026-03-02 08:00"))
    called = calls(each_world)
    assert (called.status, called.missing) == ("entered", ("answer",))
    each_world.tick("2026-03-02 10:00")
    assert sorted(row.reason for row in each_world.log("ada")) == [
        "answered 3 to NPS, at most 6 counts as low",
        "enrolled by hand",
    ]


def test_a_paused_playbook_takes_nobody_in(world: World) -> None:
    ready(world)
    decisions.pause(world.app, "care")
    with pytest.raises(NeedsPerson, match="is paused: nobody enters"):
        calls(world)


def test_explain_says_how_somebody_gets_in(world: World) -> None:
    ready(world)
    clause = world.explain("ada", "care").clauses[0]
    assert (clause.text, clause.value) == (
        "trigger: called in by hand, with `regulars enroll`", "nobody has called them in",
    )  # fmt: skip
