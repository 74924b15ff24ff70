"""The OpenAPI document and the endpoint say the same: what it allows is taken, what it forbids is refused by name."""

from __future__ import annotations

import json
from datetime import UTC
from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode

from connectors.feeds.told_values import OWN_KINDS
from runner import collect
from runner.store.activity import ANY, KEPT, ORDER
from runner.web import Desk, create_app
from runner.web.openapi import document
from tests.web.given import LATER

PUBLISHED = Path(__file__).resolve().parents[2] / "docs" / "openapi.json"

#: The document cannot say between which years a time must lie.
FIRST, LAST = (LATER.replace(year=year, tzinfo=None) for year in (1970, 2099))
times = st.datetimes(FIRST, LAST, timezones=st.just(UTC))
schemathesis.openapi.format("date-time", times.map(lambda at: at.isoformat().replace("+00:00", "Z")))


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: str(mode.value))
def test_schemathesis_finds_nothing_that_the_document_does_not_say(desk: Desk, mode: GenerationMode) -> None:
    token = collect.issue(desk.store, "shop", collect.Scope.EVENTS, LATER)
    schema = schemathesis.openapi.from_asgi("/api/openapi.json", create_app(desk))
    told = {"Authorization": f"Bearer {token}"}
    operation = schema["/api/events"]["POST"]

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(
        max_examples=8, deadline=None, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
    )
    def asked(case: schemathesis.Case) -> None:
        case.call_and_validate(headers=told)

    asked()


def test_the_published_document_is_the_one_that_is_served() -> None:
    assert json.loads(PUBLISHED.read_text(encoding="utf-8")) == document("https://hello.acme.example")


def test_the_words_of_what_is_told_are_those_that_playbooks_know() -> None:
    assert set(OWN_KINDS) == {ANY, ORDER, *KEPT}
