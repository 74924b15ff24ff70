"""What is said of us in a feed is a task of the feed's owner, once, whoever said it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from threading import Thread

import pytest

from runner.app.tasks import open_tasks
from tests.connectors.test_rss import RSS, Feeds
from tests.core.world import World, utc

PLAYBOOK = """\
trigger: {event: {kind: mention}}
actions:
  - create_task: {id: answer, subject: "{{ mention.source }}: {{ mention.text }}", due: in 1 day}
  - notify: {id: tell, to: owner, subject: Said of us, body: "{{ mention.url }}"}
"""


@pytest.fixture
def feeds() -> Iterator[Feeds]:
    with Feeds() as running:
        Thread(target=running.serve_forever, args=(0.01,), daemon=True).start()
        yield running
        running.shutdown()


def test_a_mention_is_a_task_of_the_feeds_owner_and_no_mail_to_anybody_else(
    world_with: Callable[[str], World], feeds: Feeds
) -> None:
    feed = f"feeds: {{alerts: '{feeds.url('/rss')}'}}, owner: care@acme.example"
    world = world_with(f"connectors: {{said: {{type: rss, {feed}}}}}\n")
    world.playbook("said", PLAYBOOK)
    feeds.texts["/rss"] = RSS.replace("<item>", "<old>").replace("</item>", "</old>")
    world.tick("2026-03-09 08:00")
    feeds.texts["/rss"] = RSS
    world.tick("2026-03-09 09:30")
    world.tick("2026-03-09 10:00")
    assert [(task["subject"], task["owner"]) for task in open_tasks(world.app)] == [
        ("alerts: Acme & co – Acme is kind", "care@acme.example"),
        ("alerts: No id, no date", "care@acme.example"),
    ]
    assert set(world.mailer.addresses) == {"care@acme.example"}
    assert utc("2026-03-09 10:00") == world.now
