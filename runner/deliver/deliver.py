"""The stage itself: batch after batch is claimed, rendered, handed over and settled."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from connectors.base import Address, Letter, Mailing, Outcome, Verdict
from runner.actions import MailAction
from runner.breakers import stopped
from runner.circumstances import due_steps
from runner.deliver import outcomes, settle
from runner.deliver.claim import Batch, Claim, claim
from runner.deliver.crm import tell_crms
from runner.deliver.heartbeat import beating
from runner.deliver.keys import forgotten
from runner.deliver.last_look import LastLook
from runner.deliver.office import Office
from runner.deliver.outcomes import Delivered
from runner.deliver.post import hand_in
from runner.deliver.uncollected import uncollected
from runner.deliver.under_way import UnderWay
from runner.deliver.works import Handing
from runner.deliver.writes import Round
from runner.edge import Edge
from runner.playbook import Playbook
from runner.render import Group, Person, RenderFault, counted, unsubscribe_headers
from runner.steps import Step

T = TypeVar("T")
#: Letters of a mailing at the most.
BATCH = 1000
#: People of one transaction: pages and webhooks must not wait longer than some 50 ms for the write lock.
CHUNK = 250


def deliver(
    office: Office, now: datetime, *, stop: Callable[[], bool] = lambda: False, edge: Edge | None = None
) -> Delivered:
    """Everything due at `now`, step after step, until nothing is; `stop` ends it after the batch in hand.

    A playbook that fails at the `edge` is left out, and the others go on.
    """
    edge = edge or Edge()
    if not settle.is_clear(office):
        settle.sweep(office, now)
        settle.take_up(office, now)
    total, messages = Delivered(), Round(office)
    refused: set[tuple[str, str]] = set()
    while not stop() and not total.failures:
        with office.store.read() as connection:
            steps = due_steps(connection, now)
            still = {one.name for one in stopped(connection) if one.kind == "mailer"}
        looked_at = 0
        for playbook, step in _known(office, steps):
            if (words := _kept(office, playbook, step, still)) is not None:
                total += Delivered(waiting=(words,) if words else ())
                continue
            if total.failures or edge.has_failed(playbook.id) or (playbook.id, step.id) in refused:
                continue
            calls = UnderWay(_at_once(office, step))
            with edge.of(playbook.id, "deliver"), office.lease.holding(), beating(office), calls:
                looked_at += _step(office, messages, playbook, step, now, stop, calls)
            total += calls.did
            if calls.did.refusals:
                refused.add((playbook.id, step.id))
        if not looked_at:
            break
    settle.let_go(office, now)
    return total if stop() else total + tell_crms(office, now, stop)


def _known(office: Office, steps: Sequence[tuple[str, str, str]]) -> list[tuple[Playbook, Step]]:
    """The steps that are still there, by priority; people whose playbook does not run wait where they are."""
    found = []
    for id, version, step_id in steps:
        playbook = office.versions.of(id, version)
        if playbook is not None and (step := playbook.step(step_id)) is not None:
            found.append((playbook, step))
    return sorted(found, key=lambda known: known[0].rank)


def _kept(office: Office, playbook: Playbook, step: Step, still: set[str]) -> str | None:
    """Why nothing of this step is claimed, empty where that is told elsewhere; None where it goes on."""
    if not isinstance(step.action, MailAction):
        return None
    mailer = office.mailer_of(step.action)
    if mailer in still:
        return ""
    return None if mailer in office.mailers else f"{playbook.id}: {step.id} waits; there is no mailer {mailer!r}"


def _at_once(office: Office, step: Step) -> int:
    """How many calls of a step may be under way side by side."""
    return office.mailers[office.mailer_of(step.action)].calls_at_once if isinstance(step.action, MailAction) else 1


def _step(
    office: Office,
    messages: Round,
    playbook: Playbook,
    step: Step,
    now: datetime,
    stop: Callable[[], bool],
    calls: UnderWay,
) -> int:
    """Batch after batch, until nobody is due any more or nothing more should go out; how many were looked at."""
    looked_at, seen = 0, BATCH
    while seen == BATCH and not (stop() or calls.in_trouble):
        with uncollected():
            seen = _batch(office, messages, playbook, step, now, calls)
        looked_at += seen
    return looked_at


def _batch(office: Office, messages: Round, playbook: Playbook, step: Step, now: datetime, calls: UnderWay) -> int:
    """Claims chunk after chunk, and hands over in one go what they have claimed."""
    looked_at = 0
    claims: list[Claim] = []
    handings: list[Handing] = []
    while looked_at < BATCH:
        batch = claim(office, playbook, step, now, CHUNK)
        looked_at += batch.looked_at
        calls.did += _counted(batch)
        claims += batch.claims
        handings += batch.messages
        if batch.looked_at < CHUNK:
            break
    if claims:
        hand_over(office, playbook, step, claims, now, calls)
    if handings:
        calls.did += messages.hand_over(playbook, step, handings, now)
    return looked_at


def _counted(batch: Batch) -> Delivered:
    return Delivered(done=batch.done, held=batch.held, skipped=batch.skipped, ended=batch.ended)


def hand_over(
    office: Office, playbook: Playbook, step: Step, claims: Sequence[Claim], now: datetime, calls: UnderWay
) -> None:
    """Renders what was claimed and gives it to the mailer, mailing after mailing."""
    mail = step.action
    assert isinstance(mail, MailAction)
    mailer = office.mailers[office.mailer_of(mail)]
    by_id = {claim.send_id: claim for claim in claims}
    people = [_person(office, playbook, claim, now) for claim in claims]
    rendered = office.templates.mailings(
        mail.template,
        mail.subject,
        mail.preheader,
        people,
        max_keys=mailer.max_keys,
        max_bytes=mailer.max_substitution_bytes,
    )
    if rendered.faults:
        calls.did += _unwritten(office, playbook, step, by_id, rendered.faults, now)
    groups = rendered.groups
    if mailer.counts is not None:
        contacts = {id: claim.due.contact_id for id, claim in by_id.items()}
        here = mailer.counts == "pages"
        groups = [counted(group, office.links, contacts, all_of_it=here) for group in groups]
    for group in _in_mailings(groups, mailer.batch_size):
        calls.wait_for_a_place()
        office.listen()
        _hand_over(office, playbook, step, by_id, group, now, calls)


def _hand_over(
    office: Office,
    playbook: Playbook,
    step: Step,
    by_id: dict[str, Claim],
    group: Group,
    now: datetime,
    calls: UnderWay,
) -> None:
    """One mailing, of those who may get it still; its outcome is written down when it is there."""
    mail = step.action
    assert isinstance(mail, MailAction)
    ours, taken_back = _renew(office, playbook, step, [by_id[send_id] for send_id, _ in group.letters], now)
    calls.did += taken_back
    in_doubt = forgotten(office, office.mailer_of(mail), [by_id[send_id] for send_id in ours])
    ours -= {outcome.send_id for outcome in in_doubt}
    group = replace(group, letters=[letter for letter in group.letters if letter[0] in ours])

    def written(back: tuple[Sequence[Outcome], Delivered]) -> Delivered:
        told, did = back
        for part in _chunks(told):
            did += outcomes.write(office, playbook, step, by_id, part, now, group=group)
        return did

    if in_doubt:
        calls.did += written((in_doubt, Delivered()))
    if group.letters and not calls.in_trouble:
        mailing = _mailing(office, playbook, mail, group, by_id)
        calls.go(lambda: _send(office, playbook, mail, mailing), written)
    else:
        untried = [Outcome(id, Verdict.UNTRIED, reason="not tried") for id, _ in group.letters]
        calls.did += written((untried, Delivered()))


def _renew(
    office: Office, playbook: Playbook, step: Step, claims: Sequence[Claim], now: datetime
) -> tuple[set[str], Delivered]:
    """Those that are still ours and whom nothing bars; and what became of the others."""
    ours: set[str] = set()
    taken_back = Delivered()
    for part in _chunks(claims):
        look = LastLook(office, playbook, step, part, now)
        ours |= outcomes.renew(office, [claim.send_id for claim in part], look=look)
        taken_back += _counted(look.batch)
    return ours, taken_back


def _chunks(whole: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(whole), CHUNK):
        yield whole[start : start + CHUNK]


def _unwritten(
    office: Office,
    playbook: Playbook,
    step: Step,
    by_id: dict[str, Claim],
    faults: Sequence[RenderFault],
    now: datetime,
) -> Delivered:
    """Letters that could not be made: where the template is to blame they wait for its author, until it is too late."""
    failed = [Outcome(f.send_id, Verdict.REFUSED, reason=f"template: {f.message}") for f in faults if not f.of_template]
    waiting = {fault.send_id: f"template: {fault.message}" for fault in faults if fault.of_template}
    told = tuple(dict.fromkeys(f"{playbook.id}: {step.id} waits; {words}" for words in waiting.values()))
    did = Delivered()
    for part in _chunks(failed):
        did += outcomes.write(office, playbook, step, by_id, part, now)
    for ids in _chunks(list(waiting)):
        outcomes.keep_back(office, playbook, step, by_id, {id: waiting[id] for id in ids}, now)
    return did + Delivered(held=len(waiting), waiting=told)


def _person(office: Office, playbook: Playbook, claim: Claim, now: datetime) -> Person:
    contact = claim.facts.contact
    name = " ".join(part for part in (contact["first_name"], contact["last_name"]) if part)
    assert claim.facts.address is not None
    return Person(
        send_id=claim.send_id,
        to=Address(claim.facts.address, name or None),
        language=contact["language"],
        context=office.context(claim.due, playbook, claim.facts, now),
    )


def _in_mailings(groups: Sequence[Group], size: int) -> list[Group]:
    size = max(1, min(size, BATCH))
    return [
        replace(group, letters=group.letters[start : start + size])
        for group in groups
        for start in range(0, len(group.letters), size)
    ]


def _mailing(office: Office, playbook: Playbook, mail: MailAction, group: Group, by_id: dict[str, Claim]) -> Mailing:
    return Mailing(
        sender=office.sender(mail.sender),
        reply_to=Address(mail.reply_to) if mail.reply_to else None,
        subject=group.subject,
        html=group.html,
        text=group.text,
        letters=[_letter(office, mail, by_id[send_id], texts) for send_id, texts in group.letters],
        categories=[playbook.id],
    )


def _send(
    office: Office, playbook: Playbook, mail: MailAction, mailing: Mailing
) -> tuple[Sequence[Outcome], Delivered]:
    """The mailer's verdicts, one a letter; and in words why nothing more should be tried now, or what else failed."""
    told, trouble = hand_in(office, mailing, office.mailer_of(mail))
    return told, replace(trouble, refusals=tuple(f"{playbook.id}: {words}" for words in trouble.refusals))


def _letter(office: Office, mail: MailAction, claim: Claim, texts: Mapping[str, str]) -> Letter:
    contact = claim.facts.contact
    name = " ".join(part for part in (contact["first_name"], contact["last_name"]) if part)
    assert claim.facts.address is not None
    return Letter(
        send_id=claim.send_id,
        to=Address(claim.facts.address, name or None),
        substitutions=texts,
        headers={**_unsubscribing(office, claim), **mail.headers(claim.due.facts)},
    )


def _unsubscribing(office: Office, claim: Claim) -> dict[str, str]:
    return unsubscribe_headers(office.links, claim.send_id, claim.due.contact_id, office.settings.public_url)
