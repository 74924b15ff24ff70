"""What doctor finds in a workspace that runs."""

from __future__ import annotations

from collections.abc import Iterator

from connectors.base import MailEvent
from runner import collect
from runner.app.doctor import examine
from tests.core.world import Postbox, World, utc


class Particular(Postbox):
    """Understands no webhook."""

    def events(self, body: bytes) -> Iterator[MailEvent]:
        raise ValueError(f"must be a list of events, is {body.decode()}")


def test_webhook_bodies_that_could_not_be_read_are_counted(each_world: World) -> None:
    each_world.mailer = Particular()
    each_world.tick("2026-05-04 09:00")
    assert not [found for found in examine(each_world.app).checks if found.name == "webhooks of outbox"]
    for body in (b"noise", b"more noise"):
        collect.receive(each_world.store, "outbox", body, each_world.now)
    each_world.tick("2026-05-04 09:05")
    (found,) = [found for found in examine(each_world.app).checks if found.name == "webhooks of outbox"]
    assert found.status == "warning"
    assert found.message == (
        "could not be read and are kept in the inbox: 2; the last at 2026-05-04 09:00 UTC: "
        "ValueError: must be a list of events, is more noise"
    )


def test_who_is_named_by_an_order_and_told_of_by_nobody_is_told(each_world: World) -> None:
    each_world.person("ada")
    each_world.order("ada", utc("2026-03-01 09:00"))
    each_world.order("999", utc("2026-03-01 09:00"))
    told = [found.message for found in examine(each_world.app).checks if "told of by no connector" in found.message]
    assert told == [
        "named by orders, answers or other rows, and told of by no connector: 1, such as crm: 999;"
        " until one tells of them these rows count for nobody"
    ]
    each_world.person("999")
    assert not [found for found in examine(each_world.app).checks if "told of by no connector" in found.message]
