"""What the commands and `check` tell of friends, points and reviews."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from runner.app.decisions import go_live
from runner.cli.main import main
from runner.collect import referral_code
from tests.core.world import World
from tests.reward.given import bought, person, states, with_settings

BOTH = """
referrals: {landing: "https://shop.acme.example/", reward: a voucher, return_window: 14 days}
loyalty: {since: 2026-01-01, points: {per_order: 10, expire_after: 90 days}, tiers: [{name: silver, orders: 1}]}
"""


@pytest.fixture
def told(world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Any]:
    """A command's answer in JSON, or its exit code and words."""

    def run(*arguments: str) -> Any:
        capsys.readouterr()  # what ticks logged
        monkeypatch.setattr("sys.argv", ["regulars", "-C", str(world.folder), *arguments])
        try:
            main()
        except SystemExit as ending:
            if ending.code:
                return ending.code, capsys.readouterr().err
        printed = capsys.readouterr().out
        return json.loads(printed) if "--json" in arguments else printed

    return run


def brought(world: World) -> None:
    with_settings(world, BOTH).person("ada", first_name="Ada")
    world.playbook("reward", "trigger: {event: {kind: referral_due}}\n")
    world.tick("2026-02-01 09:00")
    code = referral_code(world.store, person(world, "ada").id, world.now)
    world.person("bob")
    bought(world, "ada", "2026-02-02 09:00")
    bought(world, "bob", "2026-02-02 12:00", code=code)
    world.tick("2026-02-02 13:00")


def test_friends_are_listed_with_their_state_and_a_reward_given_by_hand_is_noted(
    world: World, told: Callable[..., Any]
) -> None:
    brought(world)
    (row,) = told("referrals", "--json", "--contact", "ada")
    assert (row["contact"]["email"], row["friend"]["email"], row["state"]) == (
        "ada@x.example",
        "bob@x.example",
        "bought",
    )
    assert told("referrals", "--rewarded", "1") == (2, "referral 1 is bought, not due\n")
    world.tick("2026-03-01 09:00")
    told("referrals", "--rewarded", "1")
    assert "by hand" in told("referrals")
    assert told("referrals", "--state", "nowhere")[0] == 2


def test_points_are_given_and_taken_by_hand_and_no_more_than_there_are(world: World, told: Callable[..., Any]) -> None:
    brought(world)
    told("points", "ada", "--add", "5", "--why", "a late parcel")
    told("points", "ada", "--spend", "15", "--why", "a mug")
    found = told("points", "ada", "--json")
    assert [(row["rule"], row["points"]) for row in found["ledger"]] == [
        ("orders", 10.0),
        ("by_hand", 5.0),
        ("by_hand", -15.0),
    ]
    assert (found["points"], found["tier"]["tier"]) == (0.0, "silver")
    assert told("points", "ada", "--spend", "1", "--why", "more") == (2, "there are 0 points, 1 cannot be taken\n")
    printed = told("points", "ada")
    assert "a late parcel" in printed
    assert "order crm:" in printed
    assert told("points", "--json") == [{"tier": "silver", "people": 2, "falling": 0}]


def test_explain_tells_what_somebody_has_earned(world: World, told: Callable[..., Any]) -> None:
    brought(world)
    assert "tier silver, 10 points, 1 friend brought" in told("explain", "ada")
    assert told("explain", "ada", "--json")["contact"]["points"] == 10.0


def test_reviews_are_counted_by_site(world: World, told: Callable[..., Any]) -> None:
    with_settings(world, "reviews: {sites: {google: 'https://g.example', yelp: 'https://yelp.com/x'}}\n")
    world.write("templates/email/ask.html", "<a href='{{ review() }}'>{{ unsubscribe() }} {{ sender.address }}</a>")
    steps = "actions: [{request_review: {id: ask, template: email/ask, site: google}}]\n"
    world.playbook("ask", "trigger: {event: {kind: order}}\n" + steps)
    world.person("ada")
    world.tick("2026-02-01 09:00")
    bought(world, "ada", "2026-02-01 10:00")
    world.tick("2026-02-01 10:05")
    (row,) = told("reviews", "--json")
    assert (row["site"], row["asked"], row["went_on"]) == ("google", 1, 0)
    assert "Yelp asks businesses never to ask" in told("reviews")
    assert "Nobody has given words" in told("reviews", "--words")


def test_check_warns_of_promises_that_nobody_keeps(world: World) -> None:
    with_settings(world, BOTH + "# ends\n")
    warned = {warning.where: warning.message for warning in world.check().warnings}
    assert "no playbook hands it over" in warned["referrals.reward"]
    assert "nobody is told" in warned["loyalty.points.expire_after"]
    world.playbook("reward", "trigger: {event: {kind: referral_due}}\nholdout: 10%\n")
    world.playbook("soon", "trigger: {event: {kind: points_expiring}}\n")
    warned = {warning.where: warning.message for warning in world.check().warnings}
    assert warned.keys() == {"holdout"}
    assert "keeps the reward from 10%" in warned["holdout"]


def test_check_warns_of_invitations_that_nobody_counts_and_of_coupons_that_are_not_there(world: World) -> None:
    world.write("templates/email/ask.html", "<a href='{{ referral() }}'>{{ unsubscribe() }} {{ sender.address }}</a>")
    steps = "actions: [{request_referral: {id: ask, template: email/ask}}]\n"
    world.playbook("ask", "trigger: {event: {kind: order}}\n" + steps)
    (warning,) = world.check().warnings
    assert "nobody counts who comes" in warning.message
    with_settings(world, "referrals: {landing: 'https://shop.acme.example', coupons: none.txt}\n")
    (warning,) = world.check().warnings
    assert (warning.where, "rewards would wait" in warning.message) == ("referrals.coupons", True)


def test_a_reward_that_was_rehearsed_is_due_again_when_it_is_real(world: World) -> None:
    brought(world)
    world.tick("2026-03-01 09:00")
    world.tick("2026-03-01 09:05")
    assert states(world) == [("rewarded", None)]
    world.mailer.real = True  # type: ignore[misc]
    go_live(world.app)
    world.reopen()
    for hour in ("09:00", "09:05"):
        world.tick(f"2026-03-02 {hour}")
    assert states(world) == [("due", None)]
    assert world.who_got() == ["ada"]
