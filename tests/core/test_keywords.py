"""Words that return in what people wrote: counted by answers, in each language, with the answers behind them."""

from __future__ import annotations

from datetime import date

import pytest

from connectors.records import Survey
from runner.app.keywords import Text, keywords
from runner.app.voices import heard
from tests.core.world import World, utc


@pytest.mark.parametrize(
    ("language", "texts", "found"),
    [
        ("en", ["The delivery was late", "Late deliveries, late!", "Tea"], {"delivery late": (0, 1)}),
        ("en", ["It was not fresh", "Not fresh at all", "So fresh"], {"fresh": (0, 1, 2), "not fresh": (0, 1)}),
        ("en", ["It didn't arrive.", "They didn’t arrive"], {"didn't arrive": (0, 1)}),
        ("de-AT", ["Die Lieferung kam spät", "Lieferungen zu spät"], {"spät": (0, 1), "lieferung": (0, 1)}),
        ("pl", ["Spóźniona dostawa", "Dostawa była spóźniona"], {"dostawa spóźniona": (0, 1)}),
        ("lt", ["Puikus aptarnavimas", "Jūsų aptarnavimo laukiau"], {"aptarnavimo": (0, 1)}),
        ("ru", ["Доставка опоздала", "Доставку ждал долго"], {"доставка": (0, 1)}),
        ("zh", ["物流太慢了", "物流很慢，客服好"], {"物流": (0, 1)}),
        ("ja", ["tea", "Tea, please"], {"tea": (0, 1)}),
    ],
)
def test_words_that_return_are_found_with_the_answers_behind_them(
    language: str, texts: list[str], found: dict[str, tuple[int, ...]]
) -> None:
    assert {one.words: one.among for one in keywords([Text(text, language) for text in texts])} == found


def test_a_word_counts_once_an_answer_and_what_comes_up_once_is_no_group() -> None:
    assert keywords([Text("Tea tea tea, and the best of all tea", "en"), Text("Coffee", None)]) == []


def test_the_words_are_beside_the_answers_and_lead_to_them(world: World) -> None:
    world.now = utc("2026-06-01 10:00")
    for who, words in {"ada": "The parcel came late", "bob": "Late again", "cy": None}.items():
        world.person(who, language="en")
        told = {"response_id": who, "contact_id": who, "kind": "nps", "scale": "0-10", "score": 3.0, "comment": words}
        world.hear(Survey(responded_at=utc("2026-05-30 10:00"), **told))
    found = heard(world.app, last=date(2026, 6, 1))
    assert (found.worded, [(one.words, one.n) for one in found.keywords]) == (2, [("late", 2)])
    assert [voice.comment for voice in found.having("late").voices] == ["The parcel came late", "Late again"]
    assert found.document()["keywords"] == [{"words": "late", "n": 2, "answers": [0, 1]}]
