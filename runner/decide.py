"""What is done about one person's next step, and why: Do, Hold, Skip or End. Pure: same facts, same decision."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from runner import clock
from runner.actions import (
    Action,
    AnswerOrReminder,
    Choose,
    MailAction,
    Reminder,
    RequestReview,
    Split,
    Stop,
    Survey,
    Wait,
)
from runner.actions.wait import HAPPENED, TIMED_OUT
from runner.circumstances import MARKETING_NOES, Circumstances, Due, Mailed, local_day
from runner.conditions import Today
from runner.playbook import Playbook
from runner.settings import QuietHours, Settings
from runner.steps import Branch, Step
from runner.store.functions import draw_of


@dataclass(frozen=True, slots=True)
class Do:
    """The step is done now; where it parts, on this branch."""

    reason: str
    branch: str | None = None


@dataclass(frozen=True, slots=True)
class Hold:
    """The step waits, or until what it waits for comes."""

    until: datetime
    reason: str
    waits_for: str | None = None


@dataclass(frozen=True, slots=True)
class Skip:
    """The step is left out; the next one may follow."""

    reason: str


@dataclass(frozen=True, slots=True)
class End:
    """The playbook is over for this occasion."""

    reason: str


Decision = Do | Hold | Skip | End
#: Until when, or which day, a mailer is to send no more; and why.
Full = tuple[date | datetime, str]

#: What the reason of somebody whom the audience keeps out begins with; what of it is false follows.
NOT_IN_THE_AUDIENCE = "not in the audience: "
#: What the log says of those who are held out.
HELD_OUT = "in the holdout: not written to, so that the effect can be told"
#: What the reason of a mail whose time is over begins with.
TOO_LATE = "too late"
#: Why somebody is suppressed, in words.
NOES = {
    "unsubscribed": "unsubscribed",
    "bounced": "the address bounced",
    "complained": "marked our mail as spam",
    "crm": "opted out in the CRM",
    "manual": "suppressed by hand",
}


def decide(
    due: Due,
    playbook: Playbook,
    step: Step,
    facts: Circumstances,
    mailed: Mailed,
    now: datetime,
    settings: Settings,
    full: Full | None = None,
) -> Decision:
    """What becomes of the step that is next for this person; `full` where the mailer has no room for a letter."""
    if (over := _over(due, playbook, facts)) is not None:
        return over
    if due.arm == "holdout" and not _is_for_everybody(step.action):
        return Skip(HELD_OUT)
    match step.action:
        case Wait() as wait:
            return _waits(due, wait, facts, now, settings)
        case Choose():
            return _choose(due, step, facts, now, settings)
        case Split():
            return _split(playbook, step, facts, settings)
        case Stop(reason=reason):
            return End(reason)
        case Reminder() as mail:
            return _reminder(due, playbook, mail, facts, mailed, now, settings, full)
        case MailAction() as mail:
            return _mail(due, playbook, mail, facts, mailed, now, settings, full)
    return Do(playbook.trigger.reason(due.facts, due.anchor))


def _is_for_everybody(action: Action) -> bool:
    """What is no treatment: waiting, parting, ending, and mail that is no marketing."""
    return isinstance(action, Wait | Choose | Split | Stop) or (
        isinstance(action, MailAction) and action.purpose == "service"
    )


def barred(due: Due, playbook: Playbook, mail: MailAction, facts: Circumstances, settings: Settings) -> Decision | None:
    """What stands against a letter whatever the hour and the caps: asked at the claim, and again before the call."""
    return _over(due, playbook, facts) or _may_not(mail, facts, settings) or _needless(mail, facts)


def next_since(due: Due, step: Step, facts: Circumstances, now: datetime, settings: Settings) -> datetime:
    """Since when the following step is next: since a wait was over, however late somebody looked."""
    if not isinstance(step.action, Wait):
        return now
    over = step.action.over_at(due.step_since, facts.zone, settings.calendar)
    return min(over, facts.passage.happened_at or over)


def _waits(due: Due, wait: Wait, facts: Circumstances, now: datetime, settings: Settings) -> Decision:
    if isinstance(wait, AnswerOrReminder) and facts.passage.asked_until is None:
        return Do("nobody was asked", HAPPENED)
    over = wait.over_at(due.step_since, facts.zone, settings.calendar)
    if wait.for_ is None:
        return Hold(over, wait.says()) if now < over else Do(wait.says())
    came = facts.passage.happened_at
    if came is not None and came <= over:
        return Do(f"{wait.what} came on {clock.local(came, facts.zone):%Y-%m-%d %H:%M}", HAPPENED)
    if now < over:
        return Hold(over, wait.says(), wait.for_)
    return Do(f"{wait.what} did not come within {wait.at_most}", TIMED_OUT)


def _choose(due: Due, step: Step, facts: Circumstances, now: datetime, settings: Settings) -> Decision:
    """The first way that holds; who was asked and may still answer is waited for where a way names the answer."""
    values, passage = facts.values(due), facts.passage
    open_until = passage.asked_until
    if step.names_answer and passage.answer is None and open_until is not None and now < open_until:
        return Hold(open_until, "waits for the answer, until the survey closes", "answer")
    today = Today(now, [facts.zone])
    for branch in step.branches:
        if branch.when is None:
            return Do("no condition holds: otherwise", branch.name)
        if branch.when.holds(values, today):
            told = ", ".join(clause.value for clause in branch.when.clauses(values, today) if clause.value)
            return Do(f"{branch.name} ({told})" if told else branch.name, branch.name)
    return Do("no condition holds: it goes on below")


def _split(playbook: Playbook, step: Step, facts: Circumstances, settings: Settings) -> Decision:
    """One number a person, or a company where that is the customer, for this step alone."""
    unit = facts.contact["key"]
    if settings.customers == "company" and facts.company is not None:
        unit = facts.company["key"]
    branch = arm_of(playbook, step, unit)
    return Do(f"drawn for {branch.name}, {branch.share:.0%} of the people", branch.name)


def arm_of(playbook: Playbook, step: Step, unit: str) -> Branch:
    """The arm of a split that a person, or a company, draws by their key."""
    drawn, below = draw_of(f"split:{playbook.drawn_as}:{step.id}:{unit}"), 0.0
    for branch in step.branches:
        below += branch.share
        if drawn < below:
            return branch
    return step.branches[-1]


def _over(due: Due, playbook: Playbook, facts: Circumstances) -> End | None:
    """Whether there is nothing left to do for this person, whatever the step."""
    contact, keys = facts.contact, playbook.keys
    if contact["deleted_at"] is not None:
        return End("the contact was deleted")
    if facts.passage.rival is not None:
        return End(f"the same occasion as contact {facts.passage.rival}, who is the same person by a merge")
    if (reached := facts.passage.goal_at) is not None and keys.goal is not None:
        what = keys.goal.event.replace("_", " ")
        article = "an" if what[:1] in "aeiou" else "a"
        return End(f"goal reached: {article} {what} on {clock.local(reached, facts.zone).date().isoformat()}")
    if facts.exits and playbook.exit_when is not None:
        return End(f"exit_when: {playbook.exit_when.source}")
    return None


def _mail(
    due: Due,
    playbook: Playbook,
    mail: MailAction,
    facts: Circumstances,
    mailed: Mailed,
    now: datetime,
    settings: Settings,
    full: Full | None,
) -> Decision:
    if (no := _may_not(mail, facts, settings) or _had(due, playbook, facts, mailed, now)) is not None:
        return no
    lateness = playbook.keys.max_lateness or settings.max_lateness
    wait = _wait(due, playbook, mail, facts, mailed, now, settings) or _no_room(full, settings)
    if now - due.step_since > lateness.span:
        held = f"{wait.reason}, " if wait else ""
        return End(f"{TOO_LATE}: {held}due since {due.step_since:%Y-%m-%d}, max_lateness is {lateness}")
    if wait is None:
        return Do(playbook.trigger.reason(due.facts, due.anchor))
    if isinstance(wait, Hold) and wait.until - due.step_since > lateness.span:
        return End(f"{TOO_LATE}: {wait.reason}, would be held until {wait.until:%Y-%m-%d}, max_lateness is {lateness}")
    return wait


def _reminder(
    due: Due,
    playbook: Playbook,
    mail: Reminder,
    facts: Circumstances,
    mailed: Mailed,
    now: datetime,
    settings: Settings,
    full: Full | None,
) -> Decision:
    """A reminder that comes too late, or is not needed any more, is left out: the playbook goes on without it."""
    closes = facts.passage.asked_until
    if (needless := _needless(mail, facts)) is not None:
        return needless
    if closes is None or closes <= now:
        return Skip("the survey has closed" if closes else "nobody was asked")
    match _mail(due, playbook, mail, facts, mailed, now, settings, full):
        case Hold(until=until, reason=reason) if until >= closes:
            return Skip(f"{reason}, and the survey closes before")
        case End(reason=reason) if reason.startswith(TOO_LATE):
            return Skip(reason)
        case decision:
            return decision


def _needless(mail: MailAction, facts: Circumstances) -> Skip | None:
    """Who has answered is not reminded."""
    return Skip("answered") if isinstance(mail, Reminder) and facts.passage.answer is not None else None


def _may_not(mail: MailAction, facts: Circumstances, settings: Settings) -> Decision | None:
    """Nobody is written to who said no, and nobody without an address."""
    if facts.suppressed is not None:
        reason, at = facts.suppressed
        if mail.purpose == "marketing" or reason not in MARKETING_NOES:
            return End(f"{NOES[reason]} on {at:%Y-%m-%d}")
    if facts.address is None:
        given = facts.contact["email"]
        return Skip(f"no valid address: {given!r}" if given else "no address")
    if (staged := _staged(mail, facts, settings)) is not None or mail.purpose == "service":
        return staged
    if facts.contact["opted_out"]:
        return End("opted out in the CRM")
    if facts.consent == "no":
        return End("said no to this topic")
    if settings.consent == "required" and facts.consent != "yes":
        return Skip("no consent on record; consent: required")
    return None


def _had(due: Due, playbook: Playbook, facts: Circumstances, mailed: Mailed, now: datetime) -> Skip | None:
    """Of two contacts with one address one gets an occasion's letter that day."""
    assert facts.address is not None  # or it may not be written to
    today = local_day(now, facts.zone)
    other = mailed.had(facts.address, today, playbook.id, due.step, due.occasion)
    if other is None or other == due.contact_id:
        return None
    return Skip(f"the address had this letter today for contact {other}, who shares it")


def _staged(mail: MailAction, facts: Circumstances, settings: Settings) -> Skip | None:
    """With `mail.only_to:` nobody else gets mail but test contacts, who get it there only."""
    only_to = settings.only_to(mail.mailer)
    if only_to is None:
        return Skip("a test contact") if facts.contact["is_test"] else None
    if facts.contact["is_test"] or facts.address in only_to:
        return None
    return Skip("mail.only_to: this address is not among them")


def _asked(
    mail: RequestReview, due: Due, facts: Circumstances, mailed: Mailed, now: datetime, settings: Settings
) -> Skip | None:
    """Whether this address was asked for a review already within the time in which one request is enough."""
    days = mailed.reviews.get(facts.address or "", ())
    if due.attempt or not days:
        return None
    today, every = local_day(now, facts.zone), settings.reviews.ask_every
    if max(days) + timedelta(days=every.days) <= today:
        return None
    return Skip(f"was asked for a review on {max(days)}; once in {every}")


def _wait(
    due: Due,
    playbook: Playbook,
    mail: MailAction,
    facts: Circumstances,
    mailed: Mailed,
    now: datetime,
    settings: Settings,
) -> Hold | Skip | None:
    """Quiet hours and caps: when it may go out, where not now."""
    if isinstance(mail, RequestReview) and (asked := _asked(mail, due, facts, mailed, now, settings)) is not None:
        return asked
    if mail.purpose == "service":
        return None
    if settings.quiet_hours is not None and (end := quiet_until(now, facts.zone, settings.quiet_hours)) is not None:
        return Hold(end, "quiet hours")
    if not playbook.keys.limits.cap or facts.address is None:
        return None
    return _capped(mail, facts.address, facts.zone, mailed, now, settings)


def _capped(
    mail: MailAction, address: str, zone: str, mailed: Mailed, now: datetime, settings: Settings
) -> Hold | Skip | None:
    caps, today = settings.caps, local_day(now, zone)
    over: list[tuple[date, str]] = []
    if caps.per_day is not None and mailed.on(address, today) >= caps.per_day:
        over.append((today + timedelta(days=1), f"cap: {caps.per_day} a day"))
    if caps.per_week is not None:
        week = mailed.within(address, today, 7)
        if len(week) >= caps.per_week:
            free = week[len(week) - caps.per_week] + timedelta(days=7)
            over.append((free, f"cap: {caps.per_week} in seven days"))
    if isinstance(mail, Survey) and caps.survey_every is not None and address in mailed.surveys:
        free = mailed.surveys[address] + timedelta(days=caps.survey_every.days)
        if free > today:
            over.append((free, f"cap: one survey every {caps.survey_every}"))
    if not over:
        return None
    free, reason = max(over)
    if caps.when_over == "skip":
        return Skip(reason)
    return Hold(_opens(free, zone, settings.quiet_hours), reason)


def _no_room(full: Full | None, settings: Settings) -> Hold | None:
    """Until the mailer may send again, whatever the letter is about."""
    if full is None:
        return None
    until, reason = full
    if not isinstance(until, datetime):
        until = _opens(until, settings.timezone, settings.quiet_hours)
    return Hold(until, reason)


def _opens(day: date, zone: str, quiet: QuietHours | None) -> datetime:
    """The first instant of a local day at which somebody may be written to."""
    start = clock.midnight(day, zone)
    if quiet is None:
        return start
    return quiet_until(start, zone, quiet) or start


def quiet_until(at: datetime, zone: str, quiet: QuietHours) -> datetime | None:
    """When the quiet hours that this instant lies in end, after it; None outside of them."""
    local = clock.local(at, zone)
    if quiet.weekends == "quiet" and local.weekday() >= 5:
        end = clock.midnight(local.date() + timedelta(days=7 - local.weekday()), zone)
    elif _within(local.time(), quiet.begin, quiet.end):
        # Past midnight's side of the night ends today, the evening's side tomorrow.
        day = local.date() + timedelta(days=int(quiet.begin > quiet.end and local.time() >= quiet.begin))
        end = clock.at_local(day, quiet.end, zone)
        if end <= at:  # the hour that an autumn's clock shows twice, its second time
            end = clock.at_local(day, quiet.end, zone, second=True)
    else:
        return None
    return quiet_until(end, zone, quiet) or end


def _within(hour: time, begin: time, end: time) -> bool:
    return begin <= hour < end if begin <= end else hour >= begin or hour < end
