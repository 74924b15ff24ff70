"""Everybody is asked alike, once in a while, and the sites take turns; where asking is forbidden nobody is asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import sqlalchemy as sa

from runner.store.tables import contacts, sends
from tests.core.world import World

SITES = """
reviews: {sites: {google: "https://g.example", trustpilot: "https://t.example"}, ask_every: 90 days}
"""
ASKS = """
trigger: {{event: {{kind: order}}}}
actions:
  - request_review: {{id: ask, template: email/ask, {sites}}}
"""


def asking(world_with: Callable[[str], World], sites: str = "sites: [google, trustpilot]") -> World:
    world = world_with(SITES)
    world.write("templates/email/ask.html", "<a href='{{ review() }}'>{{ unsubscribe() }} {{ sender.address }}</a>")
    world.playbook("ask", ASKS.format(sites=sites))
    world.tick("2026-01-01 00:00")
    return world


def order(world: World, who: str, at: str) -> None:
    from tests.core.world import utc

    world.order(who, utc(at))
    world.tick(at)


def asked(world: World) -> list[tuple[str, str]]:
    chosen = sa.select(contacts.c.key, sends.c.about).join_from(sends, contacts, contacts.c.id == sends.c.contact_id)
    return [(row.key.partition(":")[2], row.about) for row in world.rows(chosen.order_by(sends.c.claimed_at))]


def test_each_person_is_asked_for_the_sites_in_turn_and_people_begin_with_different_ones(
    world_with: Callable[[str], World],
) -> None:
    world = asking(world_with)
    people = [f"p{number}" for number in range(8)]
    world.people(*people)
    for who in people:
        order(world, who, "2026-02-01 09:00")
    first = dict(asked(world))
    assert set(Counter(first.values())) == {"google", "trustpilot"}
    order(world, "p0", "2026-06-01 09:00")
    other = {"google": "trustpilot", "trustpilot": "google"}
    assert asked(world)[-1] == ("p0", other[first["p0"]])
    assert f"; asks for {first['p0']}" in world.why("p0")[0]


def test_an_address_is_asked_once_in_the_period_whichever_playbook_would_ask(
    world_with: Callable[[str], World],
) -> None:
    world = asking(world_with)
    world.playbook("again", ASKS.format(sites="site: google, purpose: service") + "limits: {cap: false}\n")
    world.person("ada")
    world.tick("2026-01-31 09:00")
    order(world, "ada", "2026-02-01 09:00")
    assert len(asked(world)) == 1
    assert "ask: skipped, was asked for a review on 2026-02-01; once in 90 days" in world.why("ada")
    order(world, "ada", "2026-05-01 09:00")
    order(world, "ada", "2026-05-03 09:00")
    assert len(asked(world)) == 2


def test_our_own_page_needs_no_address_and_a_site_that_nobody_has_is_a_fault(
    world_with: Callable[[str], World],
) -> None:
    world = asking(world_with, "sites: [google, own]")
    assert world.check().faults == ()
    world.playbook("ask", ASKS.format(sites="sites: [google, g2]"))
    (fault,) = world.check().faults
    assert (fault.where, fault.message) == (
        "actions[0].request_review.sites[1]",
        "there is no review site 'g2' in regulars.yaml",
    )


def test_yelp_is_off_with_the_reason_whatever_it_is_called(world_with: Callable[[str], World]) -> None:
    world = world_with('reviews: {sites: {locals: "https://www.yelp.de/writeareview/acme"}}\n')
    world.write("templates/email/ask.html", "<a href='{{ review() }}'>{{ unsubscribe() }} {{ sender.address }}</a>")
    world.playbook("ask", ASKS.format(sites="site: locals"))
    checked = world.check()
    (fault,) = checked.faults
    assert "nobody is asked on locals: Yelp asks businesses never to ask for reviews" in fault.message
    assert [warning.where for warning in checked.warnings] == ["reviews.sites.locals"]


def test_a_site_and_sites_at_once_are_a_fault(world_with: Callable[[str], World]) -> None:
    world = asking(world_with, "site: google, sites: [google, trustpilot]")
    (fault,) = world.check().faults
    assert "has both site and sites" in fault.message


def test_rewards_near_reviews_and_gating_are_still_warned_of(world_with: Callable[[str], World]) -> None:
    world = asking(world_with)
    world.write(
        "templates/email/ask.html",
        "<a href='{{ review() }}'>100 bonus points {{ unsubscribe() }} {{ sender.address }}</a>",
    )
    world.playbook("ask", ASKS.format(sites="sites: [google, own]") + "audience: contact.nps_score >= 9\n")
    words = " ".join(warning.message for warning in world.check().warnings)
    assert "speaks of a reward beside a review: 'bonus points'" in words
    assert "asks for reviews by score" in words
