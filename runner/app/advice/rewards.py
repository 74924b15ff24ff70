"""What is promised to customers, held against the playbooks that would keep it."""

from __future__ import annotations

from collections.abc import Iterator

from runner.app.advice.ground import Ground
from runner.errors import Fault
from runner.playbook import Playbook


def unpaid_rewards(ground: Ground) -> Iterator[Fault]:
    """A reward that no playbook hands over, or not to everybody who has earned it."""
    programme, paying = ground.settings.referrals, _entering_on(ground, "referral_due")
    if programme is None:
        return
    if programme.reward is not None and not paying:
        words = "is promised, and no playbook hands it over: none enters on the event referral_due"
        advice = "write one, as the starter referral_reward is"
        yield ground.file.fault(("referrals", "reward"), words, advice)
    for playbook in paying:
        if (share := playbook.keys.holdout.share) > 0:
            words = f"keeps the reward from {share:.0%} of those who have earned it"
            yield playbook.file.fault(("holdout",), words, "leave it out: a promise is no experiment")


def uncounted_friends(ground: Ground) -> Iterator[Fault]:
    """An invitation to recommend, where nobody looks whom it brings."""
    if ground.settings.referrals is not None:
        return
    for playbook, step, mail in ground.mails("request_referral"):
        words = "invites to recommend, and nobody counts who comes: regulars.yaml has no referrals:"
        advice = "add referrals: {landing: https://…}, the page of your shop that friends come to"
        yield playbook.file.fault((*step.path, mail.name), words, advice, value=False)


def unseen_households(ground: Ground) -> Iterator[Fault]:
    """A check that can find nobody: no contact has any of the fields."""
    programme = ground.settings.referrals
    if programme is None or not ground.fields.complete or not programme.reward:
        return
    if not any(f"contact.{name}" in ground.fields for name in programme.household):
        words = f"of one household nobody can be known: contacts have no {' nor '.join(programme.household)}"
        advice = "name fields that two of one household share: household: [phone, street]"
        yield ground.file.fault(("referrals", "household"), words, advice)


def silent_expiry(ground: Ground) -> Iterator[Fault]:
    """Points that are over without a word."""
    loyalty = ground.settings.loyalty
    expires = loyalty is not None and loyalty.points.expire_after is not None
    if expires and not _entering_on(ground, "points_expiring"):
        words = "points expire, and nobody is told: no playbook enters on the event points_expiring"
        yield ground.file.fault(("loyalty", "points", "expire_after"), words, "write one, as the starter of that name")


def _entering_on(ground: Ground, kind: str) -> list[Playbook]:
    """The playbooks that an event of ours starts."""
    return [
        playbook
        for playbook in ground.playbooks
        if playbook.trigger.name == "event" and getattr(playbook.trigger, "kind", None) == kind
    ]
