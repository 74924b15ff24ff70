"""SurveyMonkey's answers come in whole, once, within its limits; who cannot be known is told."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.base import Cursor, Page
from connectors.errors import AuthFailed, Permanent, Temporary
from connectors.feeds.surveymonkey import SurveyMonkey, SurveyMonkeySettings
from connectors.records import Contact, Record, Survey
from tests.loopback.surveymonkey import SCORE, SURVEY, WHY, LoopbackSurveyMonkey

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)


@pytest.fixture
def monkey() -> Iterator[LoopbackSurveyMonkey]:
    with LoopbackSurveyMonkey() as running:
        yield running


def source(
    monkey: LoopbackSurveyMonkey, *, sleep: Callable[[float], None] = lambda _: None, **told: Any
) -> SurveyMonkey:
    surveys = {SURVEY: {"kind": "nps", "score": SCORE, "comment": WHY}}
    keys = {"type": "surveymonkey", "token": monkey.token, "base_url": monkey.url, "surveys": surveys}
    return SurveyMonkey(SurveyMonkeySettings.model_validate(keys | told), sleep=sleep)


def pulled(of: SurveyMonkey, cursor: Cursor | None = None, now: datetime = NOW) -> tuple[list[Record], list[Page]]:
    with closing(of):
        pages = list(of.pull(cursor, full=False, now=now))
    return [record for page in pages for record in page.records], pages


def many(monkey: LoopbackSurveyMonkey, count: int) -> None:
    for number in range(count):
        at = datetime(2026, 3, 1, tzinfo=UTC) + timedelta(seconds=number // 3)
        monkey.answer(f"r{number}", str(number % 11), email=f"p{number}@example.org", at=at.isoformat())


def test_an_answer_is_the_choices_number_and_the_words_under_its_givers_address(monkey: LoopbackSurveyMonkey) -> None:
    at = "2026-03-01T11:00:00+01:00"
    monkey.answer("r1", "10", email="Ada@example.org", at=at, why="kind")
    monkey.answer("r2", "0", at=at, custom_variables={"email": "bob@example.org"}, response_status="partial")
    monkey.answer("r3", None, email="eve@example.org", at=at)
    monkey.answer("r4", "3", email="eve@example.org", at=at, response_status="disqualified")
    records, _ = pulled(source(monkey))
    ten = datetime(2026, 3, 1, 10, tzinfo=UTC)
    told = [(r.contact_id, r.score, r.comment, r.responded_at) for r in records if isinstance(r, Survey)]
    assert told == [("ada@example.org", 10, "kind", ten), ("bob@example.org", 0, None, ten)]
    assert [r.email for r in records if isinstance(r, Contact)] == ["Ada@example.org", "bob@example.org"]


def test_all_pages_are_read_also_where_something_changes_while_they_are(monkey: LoopbackSurveyMonkey) -> None:
    many(monkey, 250)
    seen = list[str]()
    with closing(source(monkey)) as of:
        for page in of.pull(None, full=False, now=NOW):
            seen += [record.response_id for record in page.records if isinstance(record, Survey)]
            # What was on the first page moves to the last, and all behind it up by one.
            monkey.responses["r0"]["date_modified"] = "2026-03-02T00:00:00+00:00"
    assert set(seen) == set(monkey.responses)
    assert len([path for path in monkey.asked if path.endswith("bulk")]) == 3


def test_what_was_read_is_asked_for_again_only_from_its_last_change_on(monkey: LoopbackSurveyMonkey) -> None:
    many(monkey, 120)
    _, pages = pulled(source(monkey))
    monkey.asked.clear()
    assert pulled(source(monkey), pages[-1].cursor) == ([], [])
    assert monkey.asked == []
    monkey.answer("new", "9", email="new@example.org", at="2026-03-09T00:00:00+00:00")
    records, _ = pulled(source(monkey), pages[-1].cursor, NOW + timedelta(minutes=30))
    assert "new" in {r.response_id for r in records if isinstance(r, Survey)}
    assert len(records) < 10


def test_an_answer_without_an_address_is_set_aside(monkey: LoopbackSurveyMonkey) -> None:
    monkey.answer("r1", "9", at="2026-03-01T10:00:00+00:00")
    records, pages = pulled(source(monkey))
    assert records == []
    assert [(one.where, one.field) for page in pages for one in page.set_aside] == [("surveys/r1", "email")]


def test_who_is_refused_for_a_minute_waits_it_out_and_for_the_day_is_told() -> None:
    with LoopbackSurveyMonkey(per_minute=1, minute=0.5) as monkey:
        many(monkey, 3)
        assert len(pulled(source(monkey, sleep=time.sleep))[0]) == 6
        assert monkey.refused == 1
    with LoopbackSurveyMonkey(per_day=1) as monkey:
        many(monkey, 3)
        with pytest.raises(Temporary, match="429") as told:
            pulled(source(monkey))
        assert told.value.retry_after == 43200


def test_errors_are_named_for_what_the_caller_does(monkey: LoopbackSurveyMonkey) -> None:
    many(monkey, 1)
    monkey.failing = [503, 502]
    assert len(pulled(source(monkey))[0]) == 2
    with pytest.raises(AuthFailed, match="401"):
        pulled(source(monkey, token="wrong"))
    with pytest.raises(Permanent, match="404"):
        pulled(source(monkey, surveys={"9": {"kind": "nps", "score": "1"}}))
