"""What is wrong with an answer, question by question, so that a page can say it where it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from runner.actions.questions import Question, Questionnaire
from runner.collect.text import storable

#: Characters of a comment at the most.
LONGEST_COMMENT = 5000


class BadAnswer(ValueError):
    """An answer that cannot be kept as it is.

    `fault` is score, reason, words, answer, choice, most or long; `where` the question; `numbers` are what the person
    must know. The first of several carries the others.
    """

    def __init__(self, fault: str, where: str = "score", **numbers: int) -> None:
        super().__init__(f"the answer cannot be kept: {where}: {fault} {numbers}")
        self.fault = fault
        self.where = where
        self.numbers = numbers
        self.others: tuple[BadAnswer, ...] = ()


@dataclass(frozen=True, slots=True)
class Said:
    """What somebody answers."""

    score: int | None = None
    comment: str | None = None
    #: Of an exit survey, by its key.
    reason: str | None = None
    #: To a playbook's own questions, by their ids: a number, a text, or a list of chosen answers.
    details: Mapping[str, Any] = field(default_factory=dict)

    def but(self, **otherwise: Any) -> Said:
        return replace(self, **otherwise)

    def put_right(self, asks: Questionnaire) -> Said:
        """Fit for the database, and without answers to what was not asked after this score."""
        answers = {question.id: _storable(self.details.get(question.id)) for question in _asked(asks, self)}
        details = {id: answer for id, answer in answers.items() if answer not in (None, "", [])}
        if asks.scored is not None and self.score is not None:
            details = {asks.scored.id: self.score, **details}
        score = self.score if asks.scale is not None else None
        comment, reason = _storable(self.comment) or None, self.reason or None
        return replace(self, score=score, comment=comment, reason=reason, details=details)


def refuse(asks: Questionnaire, said: Said) -> None:
    """Raises BadAnswer for what cannot be kept."""
    if wrong := list(_wrong(asks, said)):
        wrong[0].others = tuple(wrong[1:])
        raise wrong[0]


def _wrong(asks: Questionnaire, said: Said) -> Iterator[BadAnswer]:
    if asks.scale is not None and said.score not in asks.scale:
        yield BadAnswer("score", lowest=asks.scale.lowest, highest=asks.scale.highest)
    if said.reason is not None and said.reason not in asks.reason_keys:
        yield BadAnswer("choice", "reason")
    elif asks.kind == "exit" and said.reason is None and said.comment is None:
        yield BadAnswer("reason", "reason")
    if said.comment is not None and len(said.comment) > LONGEST_COMMENT:
        yield BadAnswer("long", "comment", longest=LONGEST_COMMENT, length=len(said.comment))
    for question in _asked(asks, said):
        yield from _wrong_with(question, said.details.get(question.id))


def _wrong_with(question: Question, answer: Any) -> Iterator[BadAnswer]:
    if answer is None:
        if not question.optional:
            yield BadAnswer("answer", question.id)
        return
    options = question.options or {}
    match question.type:
        case "rating" if answer not in question.scale:
            yield BadAnswer("score", question.id, lowest=question.lowest, highest=question.highest)
        case "choice" if answer not in options:
            yield BadAnswer("choice", question.id)
        case "choices" if not isinstance(answer, list) or not set(answer) <= options.keys():
            yield BadAnswer("choice", question.id)
        case "choices" if question.choose is not None and len(answer) > question.choose:
            yield BadAnswer("most", question.id, count=question.choose)
        case "text" if len(answer) > LONGEST_COMMENT:
            yield BadAnswer("long", question.id, longest=LONGEST_COMMENT, length=len(answer))


def _asked(asks: Questionnaire, said: Said) -> list[Question]:
    """The questions that are put to who gave this score."""
    return [question for question in asks.others if question.is_for(said.score) or not question.is_for_some]


def _storable(answer: Any) -> Any:
    match answer:
        case str():
            return storable(answer).strip()
        case list():
            return [storable(str(one)) for one in dict.fromkeys(answer)]
    return answer
