"""What a survey's pages show, out of what is asked and what was answered; templates say how it looks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from runner.actions.questions import BANDS, Questionnaire
from runner.collect import Answered, BadAnswer, Said
from runner.yaml_types import Wording


@dataclass(frozen=True, slots=True)
class FollowUp:
    """What the words are asked for after some scores: a text of the playbook's, or the key of one of ours."""

    scores: Sequence[int]
    ask: Wording | None = None
    key: str = "survey.comment"


def survey_values(so_far: Answered, said: Said, refusal: BadAnswer | None = None) -> Mapping[str, object]:
    """What `survey.html` may name."""
    faults = {one.where: one for one in (refusal, *refusal.others)} if refusal is not None else {}
    return {
        "asks": so_far.asks,
        "said": said,
        "reasons": reasons(so_far.asks),
        "follow_ups": follow_ups(so_far.asks),
        "faults": faults,
        "again": so_far.answered_at is not None,
        # By these names pages of the first version have it.
        "kind": so_far.kind,
        "scale": so_far.asks.scale,
        "score": said.score,
        "comment": said.comment or "",
        "fault": refusal,
    }


def reasons(asks: Questionnaire) -> Mapping[str, Wording | None]:
    """The reasons of an exit survey; None for those that the pages have words for."""
    return asks.reasons or dict.fromkeys(asks.reason_keys)


def thanks_values(answered: Answered, until: date | None) -> Mapping[str, object]:
    """What `thanks.html` may name; `until` is the last day on which the answer may be changed."""
    ending = answered.asks.ending(answered.score)
    return {"answered": answered, "ending": ending, "until": until, "reasons": reasons(answered.asks)}


def follow_ups(asks: Questionnaire) -> list[FollowUp]:
    """What is asked after which scores, each score once; the last one also before any is chosen."""
    scores = list(asks.scale.scores) if asks.kind and asks.scale else []
    if not asks.follow_up:
        bands = BANDS.get(asks.kind or "", {})
        usual = [FollowUp(those.scores, key=f"survey.{asks.kind}.follow.{band}") for band, those in bands.items()]
        return [*usual, FollowUp(())]
    first = {score: next((one for one in asks.follow_up if one.is_for(score)), None) for score in scores}
    own = [FollowUp([score for score in scores if first[score] is one], one.ask) for one in asks.follow_up]
    return [*own, FollowUp([score for score in scores if first[score] is None])]
