"""Review requests: everybody is asked alike, and nothing is given for it.

Google's policy on user contributed content forbids to ask for reviews selectively from customers who are content and
to give anything in return; the FTC's rule on consumer reviews and testimonials of 2024 (16 CFR 465) forbids rewards
for reviews of one kind, and fines each violation.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from runner.actions import Choose, Stop
from runner.app.advice.ground import Ground
from runner.conditions import Condition, Kind
from runner.errors import Fault
from runner.playbook import Playbook
from runner.steps import KeyPath, Step

_SCORE = re.compile(r"nps|csat|ces_|score|rating|satisf", re.IGNORECASE)
_ADVICE = "review sites and the FTC call that gating: ask everybody alike"


def gated_reviews(ground: Ground) -> Iterator[Fault]:
    """A review request that depends on how content somebody said they are."""
    for playbook, step, _ in ground.mails("request_review"):
        words = "asks for reviews by score"
        if playbook.trigger.name in ("high_score", "low_score"):
            yield playbook.file.fault(("trigger",), f"{words}: only who scored so is asked", _ADVICE, value=False)
        for key, condition in (("audience", playbook.audience), ("exit_when", playbook.exit_when)):
            if (score := _score_in(condition)) is not None:
                yield playbook.file.fault((key,), f"{words}: only some are asked, by {score}", _ADVICE)
        if (score := _score_in_text(str(getattr(playbook.trigger, "when", None) or ""))) is not None:
            yield playbook.file.fault(("trigger",), f"{words}: only some are asked, by {score}", _ADVICE, value=False)
        for place, score in _choices(playbook, step):
            yield playbook.file.fault(place, f"{words}: whether the review is asked for hangs on {score}", _ADVICE)


def _choices(playbook: Playbook, step: Step) -> Iterator[tuple[KeyPath, str]]:
    """The choices by a score on whose way the step stands, or that stop some before it."""
    for other in playbook.steps:
        if not isinstance(other.action, Choose) or not _comes_before(other, step):
            continue
        within = step.path[: len(other.path)] == other.path
        if not within and not any(_ends(playbook, other, index) for index in range(len(other.branches))):
            continue
        for index, branch in enumerate(other.branches):
            if (score := _score_in(branch.when)) is not None:
                yield (*other.path, "choose", index, "when"), score


def _comes_before(other: Step, step: Step) -> bool:
    """Whether the step stands within the other, or below it in its block."""
    depth = len(other.path) - 1
    return (
        other.path[:depth] == step.path[:depth]
        and len(step.path) > depth
        and int(other.path[depth]) <= int(step.path[depth])
    )


def _ends(playbook: Playbook, choose: Step, index: int) -> bool:
    below = (*choose.path, "choose", index)
    return any(isinstance(step.action, Stop) and step.path[: len(below)] == below for step in playbook.steps)


def _score_in(condition: Condition | None) -> str | None:
    """The score that a condition asks for."""
    if condition is None:
        return None
    named = (
        name
        for name in sorted(condition.used)
        if name in condition.fields and condition.fields[name].kind is Kind.NUMBER
    )
    return next((name for name in named if _SCORE.search(name)), None) or _score_in_text(condition.source)


def _score_in_text(source: str) -> str | None:
    found = re.search(r"\banswers?\.score|\bcontact\.(nps|csat)_score", source)
    return found.group() if found else None


#: What is given to people, in the languages that mails are written in.
_REWARDS = re.compile(
    r"""\b(
    (bonus|loyalty)\ points? | (bonus|treue)punkte?n?
    | discounts? | vouchers? | coupons? | gift\ cards? | gifts? | rewards? | cashback | prize\ draws? | raffles?
    | rabatte? | gutscheine?n? | geschenke?n? | belohnung(en)? | prämien? | gewinnspiele?
    | rabat(u|y|em)? | zniżk(a|ę|i|ą) | kupon(u|y|em)? | bon(u|em)?\ podarunkow\w+ | prezent(u|y|em)?
    | nagrod(a|ę|y|ą) | upomin(ek|ku|ki)
    | réductions? | remises? | bons?\ d['’]achat | cadeaux? | récompenses? | codes?\ promo
    | descuentos? | cup[oó]n(es)? | regalos? | recompensas? | sorteos? | vales?\ regalo
    | скидк(а|у|и|ой|е) | купон(а|у|ом|ы)? | подар(ок|ка|ки|ком) | наград(а|у|ы|ой)
    | вознаграждени(е|я|ем) | бонус(а|ы|ов)?
    | nuolaid(a|ą|os|ų) | kupon(as|ą|o|ai) | dovan(a|ą|os|ų) | atlyg(is|į|io) | prem(ija|iją|ijos)
    )\b | \d+\s?%\s?(off|rabatt|rabatu|zniżki|de\ réduction|de\ descuento|скидк\w+|nuolaid\w+)
    | 优惠券? | 折扣 | 礼[品物] | 奖[励品] | 返现 | 抽奖 | 代金券""",
    re.IGNORECASE | re.VERBOSE,
)
#: "there is no reward": said a few words before.
_NONE = re.compile(
    r"\b(no|not|without|never|kein\w*|nicht|ohne|bez|nie|żadn\w+|sans|pas|aucune?|sin|ning[uú]n\w*|без|не|нет|ни|be|nėra)"
    r"\b[^.!?]{0,30}$"
    r"|(没有|不会|无)[^。！？]{0,10}$",
    re.I,
)


#: What a reward stands beside in another mail of the same playbook.
_REVIEW = re.compile(
    r"review|rating|bewert|rezension|opini|recenzj|ocen[aęy]|\bavis\b|reseñ|valoraci|отзыв|оценк|atsiliepim|įvertinim"
    r"|评价|点评",
    re.IGNORECASE,
)
_NEAR = 120


def rewarded_reviews(ground: Ground) -> Iterator[Fault]:
    """A mail that asks for a review and speaks of something to be had, or one beside it that speaks of both."""
    advice = "a review must not be paid for: leave it out, or thank in a mail that speaks of none"
    asking = {playbook.id for playbook, _, _ in ground.mails("request_review")}
    for playbook, step, mail in ground.mails():
        for text in ground.texts(playbook, step, mail) if playbook.id in asking else ():
            for found in _REWARDS.finditer(text.words):
                around = text.words[max(0, found.start() - _NEAR) : found.end() + _NEAR]
                meant = mail.name == "request_review" or _REVIEW.search(around)
                if meant and not _NONE.search(text.words[: found.start()]):
                    yield text.fault(found.start(), f"speaks of a reward beside a review: {found.group()!r}", advice)
