"""Where a mailer's provider knows idempotency keys, an answer that was lost leaves nothing in doubt."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import pytest
import sqlalchemy as sa

from runner.store.tables import sends
from tests.core.test_deliver import WISH, raises, states
from tests.core.world import Postbox, World
from tests.loopback.keyed import Keyed, KeyedMailer, provider


@pytest.fixture
def keyed() -> Iterator[Keyed]:
    with provider() as there:
        yield there


def test_a_letter_whose_answer_was_lost_is_handed_in_again_under_its_key(world: World, keyed: Keyed) -> None:
    world.people("ada", "bob", "cyd", birthday=date(1990, 5, 4))
    world.playbook("wish", WISH)
    world.mailer = KeyedMailer(keyed.url)  # type: ignore[assignment]
    keyed.hang_up = 2
    world.tick("2026-05-04 09:00")
    assert "handed in again under the same id" in world.why("ada")[0]
    world.ticks("2026-05-04 09:05", "2026-05-04 09:10")
    assert sorted(letter["to"] for letter in keyed.sent.values()) == ["ada@x.example", "bob@x.example", "cyd@x.example"]
    assert keyed.requests > len(keyed.sent)
    assert [row.state for row in world.rows(sa.select(sends.c.state))] == ["accepted"] * 3


def test_without_keys_the_same_loss_stays_in_doubt(world: World, keyed: Keyed) -> None:
    world.person("ada", birthday=date(1990, 5, 4))
    world.playbook("wish", WISH)
    mailer = KeyedMailer(keyed.url)
    mailer.idempotent = False  # type: ignore[misc]
    world.mailer = mailer  # type: ignore[assignment]
    keyed.hang_up = 1
    world.ticks("2026-05-04 09:00", "2026-05-04 09:05")
    assert (keyed.requests, [row.state for row in world.rows(sa.select(sends.c.state))]) == (1, ["unsure"])


def test_a_key_that_the_provider_has_forgotten_leaves_the_loss_in_doubt(world: World, keyed: Keyed) -> None:
    world.person("ada", birthday=date(1990, 5, 4))
    world.playbook("wish", WISH)
    world.mailer = mailer = KeyedMailer(keyed.url)  # type: ignore[assignment]
    mailer.keys_last = timedelta(days=1)  # type: ignore[misc]
    keyed.hang_up = 2
    world.ticks("2026-05-04 09:00", "2026-05-04 09:05")
    assert (keyed.requests, len(keyed.sent), states(world)) == (2, 1, {})
    mailer.keys_last = timedelta(0)  # type: ignore[misc]
    world.ticks("2026-05-04 09:10", "2026-05-04 09:15")
    assert (keyed.requests, states(world)) == (2, {"ada": "unsure"})
    assert "the provider has forgotten the key" in world.why("ada")[0]


@pytest.mark.parametrize(("keys_last", "state"), [(timedelta(days=1), "accepted"), (timedelta(0), "unsure")])
def test_after_a_kill_a_letter_is_handed_in_again_while_its_key_is_known(
    world: World, keyed: Keyed, keys_last: timedelta, state: str
) -> None:
    world.person("ada", birthday=date(1990, 5, 4))
    world.playbook("wish", WISH)
    world.mailer = Postbox(raises(SystemExit()), idempotent=True)
    with pytest.raises(SystemExit):
        world.tick("2026-05-04 09:00")
    world.mailer = mailer = KeyedMailer(keyed.url)  # type: ignore[assignment]
    mailer.keys_last = keys_last  # type: ignore[misc]
    world.reopen()
    world.ticks("2026-05-04 09:05", "2026-05-04 09:10")
    assert (states(world), keyed.requests) == ({"ada": state}, 1 if state == "accepted" else 0)
