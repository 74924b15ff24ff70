"""What a process held when it ended is found by the next tick, mails and messages alike."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from runner.app.entering import enroll_all
from runner.deliver.claim import claim
from runner.deliver.settle import sweep
from runner.enroll import register
from tests.core.world import World, utc

HOOK = 'webhooks: {crm: {url: "http://127.0.0.1:9/in", allow_private: true}}'
WELCOME = "trigger: {became: {when: contact.country == 'PL', existing: enter}}\nactions: "
NOW = utc("2026-05-04 10:00")


def test_the_mail_and_the_message_of_a_process_that_ended_are_both_found_at_once(
    world_with: Callable[[str], World],
) -> None:
    world = world_with(HOOK)
    world.person("ada", country="PL")
    world.playbook("letter", WELCOME + "[{send_email: {id: hi, template: email/hello, subject: hi}}]")
    world.playbook("message", WELCOME + "[{webhook: {id: tell, url: crm}}]")
    running = [one.playbook for one in world.app.readings(world.app.fields()) if one.playbook]
    register(world.store, running, NOW)
    enroll_all(world.app, running, NOW)
    office = world.app.office(running, world.app.fields())
    with suppress(SystemExit), office.lease.holding():
        for playbook in running:
            step = playbook.step("hi" if playbook.id == "letter" else "tell")
            assert step is not None
            assert claim(office, playbook, step, NOW, 10).looked_at == 1
        raise SystemExit
    assert sweep(office, NOW) == 2
    assert sweep(office, NOW) == 0
