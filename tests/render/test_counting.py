"""Where no provider counts, a letter's own links tell who opened it and clicked."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path

import pytest

from runner.links import Kind
from runner.render import Group, Rendered, counted
from tests.render.given import LINKS, mailings, mjml, person, received, shared, written

TEXT = (
    "<a href='https://shop.example/?a=1&amp;who={{ contact.first_name|urlencode }}'>Shop</a>"
    "<a href='https://shop.example/about'>About</a> <a href='{{ unsubscribe() }}'>Unsubscribe</a>"
    "<a href='mailto:care@acme.example'>Write</a>"
)


@pytest.fixture
def group(tmp_path: Path) -> Group:
    people = [person(1, first_name="Ada & Bo"), person(2, first_name='"Cy"')]
    return shared(mailings(written(tmp_path, a_mjml=mjml(text=TEXT)), people))


def links_of(group: Group) -> dict[str, list[str]]:
    """Where each letter's links lead, as a browser understands them."""
    found = received(Rendered([group], []))
    return {
        send_id: [unescape(to) for to in re.findall(r'<a\b[^>]*?href="([^"]*)"', html)]
        for send_id, (_, html, _) in found.items()
    }


def token(address: str) -> str:
    return address.rpartition("/")[2]


def test_each_link_counts_its_own_readers_click_and_leads_where_it_led(group: Group) -> None:
    before, after = links_of(group), links_of(counted(group, LINKS, {"send-1": 1, "send-2": 2}, all_of_it=True))
    for number in (1, 2):
        (shop, about, unsubscribe, write, trap), was = after[f"send-{number}"], before[f"send-{number}"]
        for address, target in ((shop, was[0]), (about, was[1])):
            ticket = LINKS.read(Kind.CLICK, token(address))
            assert (ticket.send_id, ticket.contact_id, ticket.target) == (f"send-{number}", number, target)
        assert [unsubscribe, write] == was[2:]
        assert LINKS.read(Kind.TRAP, token(trap)).send_id == f"send-{number}"
    assert before["send-1"][0] == "https://shop.example/?a=1&who=Ada%20%26%20Bo"


def test_opening_is_counted_by_a_pixel_and_the_text_part_is_left_as_it_was(group: Group) -> None:
    ours = counted(group, LINKS, {"send-1": 1, "send-2": 2}, all_of_it=True)
    assert (ours.text, len(ours.letters)) == (group.text, 2)
    for send_id, (_, html, _) in received(Rendered([ours], [])).items():
        (pixel,) = re.findall(r'<img src="([^"]*)" width="1"', html)
        assert LINKS.read(Kind.OPEN, token(pixel)).send_id == send_id


def test_where_the_provider_counts_only_the_link_that_machines_follow_is_added(group: Group) -> None:
    before, after = links_of(group), links_of(counted(group, LINKS, {"send-1": 1, "send-2": 2}, all_of_it=False))
    assert [links[:-1] for links in after.values()] == list(before.values())
    assert {LINKS.read(Kind.TRAP, token(links[-1])).send_id for links in after.values()} == {"send-1", "send-2"}
