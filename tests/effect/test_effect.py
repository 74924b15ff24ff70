"""What playbooks changed, counted from the store: by assignment, each person once, over days that are over."""

from __future__ import annotations

from datetime import date, timedelta
from io import StringIO
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa
from rich.console import Console

from runner.actions import Split
from runner.cli.effect_words import effect_lines
from runner.effect import Effect, Effects, Verdict, effects
from runner.effect.words import soon_words
from runner.kpis import Period
from runner.playbook import PlaybookKeys
from runner.store.tables import contacts, decisions, enrollments, playbook_versions, playbooks, purchases
from tests.kpis.conftest import shop
from tests.kpis.shop import Shop, on, settings

__all__ = ["shop"]

GOAL = {"event": "order", "within": "30 days"}


def playbook(id: str = "win_back", holdout: str = "50%", steps: tuple[Any, ...] = ()) -> Any:
    written = {"name": id, "trigger": "manual", "actions": [{}], "holdout": holdout, "goal": GOAL}
    return SimpleNamespace(id=id, keys=PlaybookKeys.model_validate(written), steps=steps)


def begun(shop: Shop, id: str = "win_back", holdout: str = "50%", day: str = "2026-01-01") -> None:
    row = {"id": id, "version": "v", "first_tick_at": on(day), "last_tick_at": on(day)}
    shop.connection.execute(playbooks.insert().values(**row))
    version = {"playbook": id, "version": "v", "body": {"holdout": holdout, "goal": GOAL}, "at": on(day)}
    shop.connection.execute(playbook_versions.insert().values(**version))


def enter(shop: Shop, people: list[int], arm: str, day: str = "2026-01-05", id: str = "win_back") -> None:
    times = dict.fromkeys(("occurred_at", "step_since", "due_at", "entered_at"), on(day))
    row = {"playbook": id, "version": "v", "occasion": day, "facts": {}, "arm": arm, "state": "done", "step": "a"}
    shop.connection.execute(enrollments.insert(), [{"contact_id": one} | times | row for one in people])


def orders(shop: Shop, people: list[int], day: str = "2026-01-10", value: str = "50") -> None:
    shop.orders(people, day)
    filled = purchases.update().where(purchases.c.value.is_(None)).values(value=value)
    shop.connection.execute(filled)


def told(shop: Shop, *running: Any, as_of: str = "2026-03-01") -> Effects:
    return effects(shop.connection, running or [playbook()], settings(), as_of=on(as_of))


def one(shop: Shop, as_of: str = "2026-03-01") -> Effect:
    (found,) = told(shop, as_of=as_of).playbooks
    return found


def test_who_was_assigned_counts_whether_mailed_or_not(shop: Shop) -> None:
    begun(shop)
    treated, held_out = shop.people(40), shop.people(40)
    enter(shop, treated, "treated")
    enter(shop, held_out, "holdout")
    orders(shop, treated[:20])
    orders(shop, held_out[:10])
    found = one(shop)
    assert (found.contrast.one.n, found.contrast.one.hits) == (40, 20)
    assert (found.contrast.other.n, found.contrast.other.hits) == (40, 10)
    assert found.contrast.difference == 0.25
    document = found.document()
    assert document["incremental"]["value"] == 10
    assert document["incremental_revenue"]["value"] == 40 * (20 * 50 / 40 - 10 * 50 / 40)


def test_only_what_comes_in_time_after_entering_counts(shop: Shop) -> None:
    begun(shop)
    people = shop.people(3)
    enter(shop, people, "treated")
    orders(shop, people[:1], "2026-01-04")
    orders(shop, people[1:2], "2026-02-05")
    orders(shop, people[2:], "2026-02-04")
    assert one(shop).contrast.one.hits == 1


def test_whose_days_are_not_over_are_told_apart(shop: Shop) -> None:
    begun(shop)
    enter(shop, shop.people(4), "treated")
    enter(shop, shop.people(3), "holdout", "2026-02-10")
    found = one(shop)
    assert (found.contrast.one.n, found.contrast.other.n, found.unfinished) == (4, 0, 3)
    assert found.contrast.difference is None


def test_a_person_counts_once_by_the_first_time(shop: Shop) -> None:
    begun(shop)
    people = shop.people(2)
    enter(shop, people, "treated")
    enter(shop, people, "treated", "2026-01-25")
    orders(shop, people, "2026-02-10")
    assert (one(shop).contrast.one.n, one(shop).contrast.one.hits) == (2, 0)


def test_people_merged_over_both_arms_prove_nothing(shop: Shop) -> None:
    begun(shop)
    kept, gone, other = shop.people(3)
    shop.connection.execute(contacts.update().where(contacts.c.id == gone).values(merged_into=kept))
    enter(shop, [kept, other], "treated")
    enter(shop, [gone], "holdout")
    assert (one(shop).contrast.one.n, one(shop).contrast.other.n) == (1, 0)


def test_it_is_too_early_before_the_number_that_was_fixed_ahead(shop: Shop) -> None:
    begun(shop)
    buyers = shop.people(100)
    orders(shop, buyers, "2025-06-01")
    orders(shop, buyers[:40], "2025-12-20")
    treated, held_out = shop.people(50), shop.people(50)
    enter(shop, treated, "treated")
    enter(shop, held_out, "holdout")
    orders(shop, treated[:30])
    orders(shop, held_out[:10])
    found = one(shop)
    assert found.judged.verdict is Verdict.TOO_EARLY
    assert found.plan is not None
    assert (found.plan.base, found.plan.to) == (0.4, 0.48)
    assert "100 of 1,208 people" in found.judged.why


def test_a_broken_assignment_tells_no_difference(shop: Shop) -> None:
    begun(shop)
    enter(shop, shop.people(90), "treated")
    enter(shop, shop.people(10), "holdout")
    found = one(shop)
    assert found.judged.verdict is Verdict.BROKEN
    assert found.contrast.difference is None


def test_without_a_holdout_there_is_no_proof(shop: Shop) -> None:
    begun(shop, holdout="0%")
    enter(shop, shop.people(10), "treated")
    (found,) = told(shop, playbook(holdout="0%")).playbooks
    assert found.judged.verdict is Verdict.NO_HOLDOUT


def test_playbooks_together_are_weighted_by_whom_they_let_in(shop: Shop) -> None:
    for id, people, hits in (("a", 90, 45), ("b", 30, 0)):
        begun(shop, id)
        treated = shop.people(people)
        enter(shop, treated, "treated", id=id)
        enter(shop, shop.people(people), "holdout", id=id)
        if hits:
            orders(shop, treated[:hits])
    found = told(shop, playbook("a"), playbook("b"))
    assert found.treated == 120
    assert found.difference == (90 * 0.5 + 30 * 0) / 120


@pytest.mark.parametrize(("people", "few"), [(14, True), (15, False)])
def test_playbooks_together_are_not_judged_by_fewer_people_than_any_figure(shop: Shop, people: int, few: bool) -> None:
    begun(shop)
    for arm in ("treated", "holdout"):
        enter(shop, shop.people(people), arm)
    found = told(shop)
    assert (found.too_few, found.document()["all"]["too_few"]) == (few, few)
    assert ("too few to judge" in " ".join(str(line) for line in effect_lines(found))) is few


def test_a_difference_among_many_is_exploratory(shop: Shop) -> None:
    """One of six differs by p 0.03, which among six stands for nothing; alone it would."""
    for number in range(6):
        begun(shop, id := f"p{number}")
        treated, held_out = shop.people(40), shop.people(40)
        enter(shop, treated, "treated", id=id)
        enter(shop, held_out, "holdout", id=id)
        orders(shop, [*treated[: 19 if number == 0 else 10], *held_out[:10]])
    assert [one.exploratory for one in told(shop, *(playbook(f"p{n}") for n in range(6))).playbooks] == [True] * 6
    alone = effects(shop.connection, [], settings(), as_of=on("2026-03-01"), only="p0").playbooks
    assert [one.exploratory for one in alone] == [False]


def test_the_figure_says_what_the_command_says(shop: Shop) -> None:
    """Two playbooks with 30 days each, one person in both, an order on day 40 that counts in neither."""
    for id, people, hits in (("a", 90, 45), ("b", 40, 8)):
        begun(shop, id)
        treated, held_out = shop.people(people), shop.people(people)
        enter(shop, treated, "treated", id=id)
        enter(shop, held_out, "holdout", "2026-01-06", id=id)
        orders(shop, [*treated[:hits], *held_out[:10]])
        orders(shop, held_out[10:30], "2026-02-14", value="70")
    enter(shop, treated[:1], "treated", id="a")
    command = told(shop, playbook("a"), playbook("b"), as_of="2026-03-01")
    period = Period(date(2026, 1, 1), date(2026, 3, 1))
    figure = shop.figures(period, as_of=on("2026-03-01"), keys=["incremental_effect"])
    assert command.interval is not None
    assert command.spent_interval is not None
    effect, revenue = figure["incremental_effect"], figure["incremental_effect.revenue"]
    assert (effect.value, effect.low, effect.high) == (command.difference, *command.interval)
    assert effect.value == (91 * (46 / 91 - 10 / 90) + 40 * (8 / 40 - 10 / 40)) / 131
    won = [131 * each for each in (command.spent or 0, *command.spent_interval)]
    assert [revenue.value, revenue.low, revenue.high] == won


def test_a_figure_counts_who_was_assigned_in_its_period(shop: Shop) -> None:
    begun(shop, day="2025-12-01")
    for day in ("2025-12-05", "2026-01-05"):
        enter(shop, shop.people(40), "treated", day)
        enter(shop, shop.people(30), "holdout", day)
    assert shop.figures(keys=["incremental_effect"])["incremental_effect"].n == 70


def test_a_playbook_whose_file_is_gone_keeps_its_effect(shop: Shop) -> None:
    begun(shop, "old")
    enter(shop, shop.people(40), "treated", id="old")
    enter(shop, shop.people(40), "holdout", id="old")
    assert [one.playbook for one in told(shop, playbook()).playbooks] == ["old"]


def test_an_order_refunded_in_full_is_no_order(shop: Shop) -> None:
    begun(shop)
    people = shop.people(2)
    enter(shop, people, "treated")
    shop.orders(people[:1], "2026-01-10", net="0")
    assert one(shop).contrast.one.hits == 0


def test_mails_that_drive_people_away_advise_to_stop(shop: Shop) -> None:
    """10 of 600 unsubscribed: 1.67 %, surely more than 0.5 %; 1 of 600 called it spam: perhaps by chance."""
    begun(shop, holdout="0%")
    for number, who in enumerate(shop.people(600)):
        left = {"unsubscribed_at": on("2026-01-12")} if number < 10 else {}
        spam = {"complained_at": on("2026-01-12")} if number == 20 else {}
        shop.mail(who, playbook="win_back", **left, **spam)
    found = one(shop)
    assert [(rail.name, rail.n, rail.crossed) for rail in found.rails] == [
        ("unsubscribes", 600, True),
        ("complaints", 600, False),
    ]
    assert found.harms[0].words.startswith("of 600 mails 10 unsubscribed by it: 1.67%, surely 0.69% and more")
    assert not one(shop, as_of="2026-01-11").harms


def test_one_large_order_alone_moves_the_money_but_not_where_the_highest_are_cut(shop: Shop) -> None:
    begun(shop)
    treated, held_out = shop.people(200), shop.people(200)
    enter(shop, treated, "treated")
    enter(shop, held_out, "holdout")
    orders(shop, treated[:50])
    orders(shop, held_out[:50])
    shop.orders(treated[60:61], "2026-01-20", net="100000")
    document = one(shop).document()
    assert document["incremental_revenue"]["value"] == 100_000
    cut = document["incremental_revenue_winsorised"]
    assert (cut["cut"], cut["value"]) == (50, 50)
    assert cut["low"] < 0 < cut["high"]


def test_revenue_that_is_lost_advises_to_stop(shop: Shop) -> None:
    begun(shop)
    treated, held_out = shop.people(60), shop.people(60)
    enter(shop, treated, "treated")
    enter(shop, held_out, "holdout")
    orders(shop, [*treated[:20], *held_out[:20]], value="50")
    assert not one(shop).harms
    shop.orders(held_out[20:40], "2026-01-11")
    (rail,) = one(shop).harms
    assert (rail.name, rail.value) == ("revenue", pytest.approx(-20 * 50 / 60))


@pytest.mark.parametrize("width", [80, 140])
def test_the_command_is_readable_in_a_narrow_terminal(shop: Shop, width: int) -> None:
    begun(shop)
    treated, held_out = shop.people(120), shop.people(120)
    enter(shop, treated, "treated")
    enter(shop, held_out, "holdout")
    orders(shop, [*treated[:50], *held_out[:38]])
    console = Console(width=width, file=StringIO(), record=True)
    console.print(*effect_lines(told(shop)))
    text = " ".join(console.export_text().split())
    assert "win_back 41.7 % of 120 31.7 % of 120 +10.0 (−2.2 to +21.8) too early" in text
    assert "win_back: order within 30 days; +12 (−3 to +26) customers; +600" in text


def test_the_ways_of_a_split_are_told_against_the_first(shop: Shop) -> None:
    begun(shop, holdout="0%")
    arms = [{"name": "plain", "share": "50%", "actions": []}, {"name": "warm", "share": "50%", "actions": []}]
    step = SimpleNamespace(id="letter", action=Split.model_validate({"arms": arms}))
    people = shop.people(60)
    enter(shop, people, "treated")
    for branch, own in (("plain", people[:30]), ("warm", people[30:])):
        row = {"at": on("2026-01-06"), "playbook": "win_back", "version": "v", "occasion": "x", "step": "letter",
               "action": "split", "arm": "treated", "status": "done", "reason": "", "branch": branch}  # fmt: skip
        shop.connection.execute(sa.insert(decisions), [row | {"contact_id": who} for who in own])
    orders(shop, people[24:45])
    (found,) = told(shop, playbook(holdout="0%", steps=(step,))).splits
    assert (found.step, found.arms) == ("letter", ("warm", "plain"))
    assert (found.contrast.one.hits, found.contrast.other.hits) == (15, 6)


def test_how_soon_they_did_it_is_told_of_either_arm_with_a_log_rank_test(shop: Shop) -> None:
    """30 of 40 on the fifth day against 30 of 40 on the twentieth: the same share in the end, and no chance."""
    begun(shop)
    treated, held_out = shop.people(40), shop.people(40)
    enter(shop, treated, "treated")
    enter(shop, held_out, "holdout")
    orders(shop, treated[:30], "2026-01-10")
    orders(shop, held_out[:30], "2026-01-25")
    found = one(shop)
    assert found.contrast.difference == 0
    assert found.soon is not None
    assert (found.soon.one.median, found.soon.other.median) == (5, 20)
    assert (found.soon.one.by_day[15], found.soon.other.by_day[15]) == (0.75, 0)
    assert found.soon.p < 0.001
    assert "half did it by day 5, of those held out by day 20 (log-rank p below 0.001)" in soon_words(found)


def test_the_day_by_which_half_did_it_is_that_of_exactly_half(shop: Shop) -> None:
    """22 of 44, one after another: floats multiply 43/44 × 42/43 × … to a little more than a half."""
    begun(shop)
    treated, held_out = shop.people(44), shop.people(40)
    enter(shop, treated, "treated", "2026-01-01")
    enter(shop, held_out, "holdout", "2026-01-01")
    for days, person in enumerate(treated[:22], 1):
        orders(shop, [person], str(date(2026, 1, 1) + timedelta(days=days)))
    orders(shop, held_out[:20], "2026-01-25")
    soon = one(shop).soon
    assert soon is not None
    assert (soon.one.median, soon.other.median) == (22, 24)


def test_whose_days_are_not_over_count_as_far_as_they_have_come(shop: Shop) -> None:
    """Of 40 half came 30 days ago and half 10: of the latter ten ordered on the fifth day, as had ten of the former."""
    begun(shop)
    early, late, held_out = shop.people(20), shop.people(20), shop.people(40)
    enter(shop, early, "treated", "2026-01-05")
    enter(shop, late, "treated", "2026-01-25")
    enter(shop, held_out, "holdout", "2026-01-05")
    for some, day in ((early[:10], "2026-01-10"), (late[:10], "2026-01-30"), (held_out[:10], "2026-01-20")):
        orders(shop, some, day)
    found = one(shop, as_of="2026-02-04")
    assert (found.contrast.one.n, found.unfinished) == (20, 20)
    assert found.soon is not None
    assert (found.soon.one.by_day[10], found.soon.one.by_day[30]) == (0.5, 0.5)
    assert one(shop, as_of="2026-01-12").soon is None
