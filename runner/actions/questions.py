"""What a survey asks: a score or reasons, questions of one's own, what is asked after a score, and how it ends."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from connectors.scales import SCALES, Scale
from runner.yaml_types import Part, Wording, wording

#: The scale of each kind of survey; an `exit` survey asks for a reason.
KINDS: Mapping[str, Scale | None] = {**SCALES, "exit": None}
#: The scores after which each kind asks the same, the lowest first; the pages have words for each.
BANDS: Mapping[str, Mapping[str, Scale]] = {
    "nps": {"low": Scale(0, 6), "middle": Scale(7, 8), "high": Scale(9, 10)},
    "csat": {"low": Scale(1, 2), "middle": Scale(3, 3), "high": Scale(4, 5)},
    "ces": {"low": Scale(1, 3), "middle": Scale(4, 5), "high": Scale(6, 7)},
}
#: The reasons that an exit survey offers where a playbook writes none; the pages have words for each.
REASONS = ("price", "quality", "service", "missing", "competitor", "no_need", "other")

_KEY = re.compile(r"[a-z][a-z0-9_]*")
#: What an answer has anyway: no question may be called so.
TAKEN = ("kind", "score", "comment", "reason", "at", "contact_id")


def _options(value: Any) -> Any:
    if isinstance(value, Mapping):
        if wrong := [str(key) for key in value if not _KEY.fullmatch(str(key))]:
            raise ValueError(f"keys are small letters, digits and _, beginning with a letter; not {', '.join(wrong)}")
        return {key: wording(text) for key, text in value.items()}
    if isinstance(value, list | tuple) and all(isinstance(text, str) and text.strip() for text in value):
        if len(set(value)) < len(value):
            raise ValueError("must be answers that differ")
        return {text: text for text in value}
    raise ValueError(f"must be a list of answers, or each with a key: {{price: The price}}, is {value!r}")


#: Answers to choose from, each by its key; of a list each is its own key.
Options = Annotated[
    Mapping[str, Any],
    BeforeValidator(_options),
    WithJsonSchema({"anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "object"}]}),
]


class AfterScore(Part):
    """What is for some scores only."""

    #: After a score of at least this.
    at_least: int | None = None
    #: After a score of at most this.
    at_most: int | None = None

    @property
    def is_for_some(self) -> bool:
        return self.at_least is not None or self.at_most is not None

    def is_for(self, score: int | None) -> bool:
        """Whether it is for this score; what is for some only is not for who gave none."""
        if score is None:
            return not self.is_for_some
        return (self.at_least is None or score >= self.at_least) and (self.at_most is None or score <= self.at_most)

    def among(self, scores: Iterable[int]) -> list[int]:
        return [score for score in scores if self.is_for(score)]


class FollowUp(AfterScore):
    """What the words below a score are asked for."""

    #: A text, or one for each language: `{en: Why?, de: Warum?}`.
    ask: Wording


class Ending(AfterScore):
    """What the page says to somebody who has answered, and where it leads."""

    #: A text, or one for each language.
    say: Wording
    #: What the button says.
    button: Wording | None = None
    #: Where it leads: a web address, or mailto:.
    url: str | None = Field(None, pattern=r"^(https://|mailto:)\S+$")

    @model_validator(mode="after")
    def _whole_button(self) -> Self:
        if (self.button is None) != (self.url is None):
            raise ValueError("button and url go together")
        return self


class Question(AfterScore):
    """One question of one's own."""

    #: By which conditions and templates name its answer: `answer.useful`.
    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    #: A text, or one for each language.
    ask: Wording
    #: A number, one of several answers, any of them, or words.
    type: Literal["rating", "choice", "choices", "text"]
    #: The answers to choose from.
    options: Options | None = None
    #: How many may be chosen at most.
    choose: int | None = Field(None, ge=1)
    #: The lowest number of a rating.
    lowest: int = Field(1, alias="from", ge=0, le=9)
    #: The highest one.
    highest: int = Field(5, alias="to", ge=1, le=10)
    #: What the lowest means.
    low: Wording | None = None
    #: What the highest means.
    high: Wording | None = None
    #: Whether it may be left out.
    optional: bool = False

    @model_validator(mode="after")
    def _fits_its_type(self) -> Self:
        if self.id in TAKEN:
            raise ValueError(f"no question may be called {self.id!r}: every answer has that")
        if self.type in ("choice", "choices") and (self.options is None or len(self.options) < 2):
            raise ValueError(f"a {self.type} needs options, two or more")
        if self.options is not None and self.type not in ("choice", "choices"):
            raise ValueError(f"a {self.type} has no options; make it a choice, or choices")
        if self.choose is not None and self.type != "choices":
            raise ValueError("only choices may say how many to choose")
        if self.lowest >= self.highest:
            raise ValueError(f"from must be below to, is {self.lowest} to {self.highest}")
        return self

    @property
    def scale(self) -> Scale:
        return Scale(self.lowest, self.highest)


class Questionnaire(Part):
    """What a survey asks, of a standard kind, of one's own, or both."""

    #: A standard question that comes first, whose score counts with all others of its kind.
    kind: Literal["nps", "csat", "ces", "exit"] | None = None
    #: The reasons that an `exit` survey offers, each by its key, instead of the usual ones.
    reasons: Options | None = None
    #: What is asked after the score, instead of the usual words; the first that fits.
    follow_up: tuple[FollowUp, ...] = ()
    #: What is asked besides, in this order.
    questions: tuple[Question, ...] = Field((), max_length=20)
    #: What is said in the end; the first that fits the score.
    thanks: tuple[Ending, ...] = ()

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        ids = [question.id for question in self.questions]
        if self.kind is None and not ids:
            raise ValueError("asks nothing: write questions, or a kind")
        if twice := sorted({id for id in ids if ids.count(id) > 1}):
            raise ValueError(f"two questions are called {twice[0]!r}")
        if self.reasons is not None and (self.kind != "exit" or len(self.reasons) < 2):
            raise ValueError("reasons are for kind: exit, two or more")
        if self.follow_up and self.scale is None:
            raise ValueError("follow_up is asked after a score, and there is none")
        if self.follow_up and self.kind is None:
            raise ValueError("follow_up belongs to a kind; among questions of one's own write a text with at_most")
        if self.scale is None and any(part.is_for_some for part in (*self.questions, *self.thanks)):
            raise ValueError("at_least and at_most speak of a score, and there is none")
        if self.scored is not None and self.scored.is_for_some:
            raise ValueError(f"{self.scored.id!r} gives the score, so everybody is asked")
        return self

    @property
    def scored(self) -> Question | None:
        """The question of one's own that gives the score: the first rating, where no kind does."""
        ratings = [question for question in self.questions if question.type == "rating"]
        return ratings[0] if ratings and self.kind is None else None

    @property
    def scale(self) -> Scale | None:
        if self.kind is not None:
            return KINDS[self.kind]
        return self.scored.scale if self.scored else None

    @property
    def others(self) -> Sequence[Question]:
        """The questions beside the one that gives the score."""
        return [question for question in self.questions if question is not self.scored]

    @property
    def reason_keys(self) -> Collection[str]:
        """What may be chosen as the reason of an exit."""
        return tuple(self.reasons or REASONS) if self.kind == "exit" else ()

    def question(self, where: str) -> Question | None:
        """The question of one's own that is called so in a form: the one that gives the score is `score`."""
        return self.scored if where == "score" else next((one for one in self.questions if one.id == where), None)

    def ending(self, score: int | None) -> Ending | None:
        return next((ending for ending in self.thanks if ending.is_for(score)), None)


def told(answer: Any) -> Any:
    """An answer as conditions and templates have it: of several choices a text."""
    return ", ".join(map(str, answer)) if isinstance(answer, list) else answer


#: What a standard kind asks where no playbook says more.
STANDARD: Mapping[str, Questionnaire] = {kind: Questionnaire(kind=kind) for kind in ("nps", "csat", "ces", "exit")}
