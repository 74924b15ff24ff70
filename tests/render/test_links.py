"""Links: signed, bound to their kind, readable for ever."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.links import BadLink, Kind, Links, Ticket

LINKS = Links("https://hello.acme.example/", ["s3cret"])


def token(url: str) -> str:
    return url.rsplit("/", 1)[1]


@pytest.mark.parametrize(
    ("kind", "path"),
    [("survey", "/s/"), ("unsubscribe", "/u/"), ("preferences", "/u/"), ("review", "/r/"), ("referral", "/r/")],
)
def test_a_link_leads_to_its_page_and_tells_whose_it_is(kind: str, path: str) -> None:
    url = getattr(LINKS, kind)("0199-send", 42)
    assert url.startswith(f"https://hello.acme.example{path}")
    assert LINKS.read(kind, token(url)) == Ticket(Kind(kind), "0199-send", 42)


@pytest.mark.parametrize("score", [0, 7, 10])
def test_an_answer_link_carries_its_score_and_zero_is_one(score: int) -> None:
    assert LINKS.read("survey", token(LINKS.answer("send", 1, score))).score == score


@pytest.mark.parametrize("other", ["unsubscribe", "preferences", "review", "referral"])
def test_a_token_of_one_kind_is_worth_nothing_as_another(other: str) -> None:
    with pytest.raises(BadLink):
        LINKS.read(other, token(LINKS.survey("send", 1)))


def test_a_page_of_two_kinds_learns_which_one_it_got() -> None:
    assert LINKS.read(("review", "referral"), token(LINKS.referral("send", 1))).kind is Kind.REFERRAL


@pytest.mark.parametrize(
    "forged", ["", ".", "~~", "1~~send", "1~~send.AAAA", "é", "1~~send.é", "\ud800", "a" * 9000, "%00"]
)
def test_a_forged_token_is_refused(forged: str) -> None:
    with pytest.raises(BadLink):
        LINKS.read("survey", forged)


def test_a_changed_score_or_contact_is_refused() -> None:
    good = token(LINKS.answer("send", 1, 9))
    for bad in (good.replace("1~9", "1~10"), good.replace("1~9", "2~9"), good[:-1], good + "A"):
        with pytest.raises(BadLink):
            LINKS.read("survey", bad)


def test_a_new_secret_keeps_the_links_of_the_old_one_alive() -> None:
    old = token(LINKS.unsubscribe("send", 1))
    rotated = Links("https://hello.acme.example", ["new", "s3cret"])
    assert rotated.read("unsubscribe", old).contact_id == 1
    with pytest.raises(BadLink):
        LINKS.read("unsubscribe", token(rotated.unsubscribe("send", 1)))


def test_without_a_secret_there_are_no_links() -> None:
    with pytest.raises(ValueError, match="secret"):
        Links("https://hello.acme.example", [])


@given(st.from_regex(r"[A-Za-z0-9_.~-]{1,40}", fullmatch=True), st.integers(0, 2**63), st.none() | st.integers(0, 10))
def test_what_was_signed_is_what_is_read(send_id: str, contact_id: int, score: int | None) -> None:
    url = LINKS.survey(send_id, contact_id) if score is None else LINKS.answer(send_id, contact_id, score)
    assert LINKS.read("survey", token(url)) == Ticket(Kind.SURVEY, send_id, contact_id, score)
