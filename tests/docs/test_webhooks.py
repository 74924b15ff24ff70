"""The page on webhooks: its snippet verifies what we sign, and nothing else."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from connectors.hooks.webhook import BUSY, REFUSALS, Hook, Hooks
from tests.conftest import REPOSITORY
from tests.loopback.hooks import LoopbackHooks, Message

PAGE = (REPOSITORY / "docs" / "webhooks.md").read_text(encoding="utf-8")
SECRET, OTHER = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"

IsOurs = Callable[[str, dict[str, str], bytes], bool]


@pytest.fixture
def is_ours() -> IsOurs:
    (snippet,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    known: dict[str, IsOurs] = {}
    exec(snippet, known)  # what the page tells its readers to run
    return known["is_ours"]


def posted(*secrets: str, at: float | None = None) -> Message:
    with LoopbackHooks() as receiver:
        hook = Hook(receiver.url, secrets, allow_private=True)
        Hooks().post(hook, "m-1", b'{"a":"\xc3\xa9"}', at=datetime.fromtimestamp(at or time.time(), UTC))
        return receiver.taken[0]


def test_the_snippet_knows_our_messages(is_ours: IsOurs) -> None:
    message = posted(SECRET)
    assert is_ours(SECRET, message.headers, message.body)


def test_the_snippet_knows_them_while_a_secret_is_changed(is_ours: IsOurs) -> None:
    message = posted(OTHER, SECRET)
    assert is_ours(SECRET, message.headers, message.body)
    assert is_ours(OTHER, message.headers, message.body)


def test_the_snippet_refuses_another_secret_another_body_and_what_is_old(is_ours: IsOurs) -> None:
    message, old = posted(SECRET), posted(SECRET, at=time.time() - 600)
    assert not is_ours(OTHER, message.headers, message.body)
    assert not is_ours(SECRET, message.headers, message.body + b" ")
    assert not is_ours(SECRET, {**message.headers, "webhook-id": "m-2"}, message.body)
    assert not is_ours(SECRET, old.headers, old.body)


def test_the_message_shown_is_json() -> None:
    (shown,) = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    assert json.loads(shown).keys() == {"type", "timestamp", "data"}


def test_the_statuses_named_are_those_of_the_code() -> None:
    assert f"| {', '.join(map(str, REFUSALS))} | refused" in PAGE
    assert f"| {', '.join(str(status) for status in BUSY if status < 500)}, 5xx" in PAGE
