"""What writing to people really did: each person's chance to order, with the letters and without them."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from runner.sample.demand import Demand, with_letter


@dataclass(frozen=True, slots=True)
class PersonTruth:
    """One person's two lives in the days after a playbook's first letter: with its letters, and without them.

    Letters of other playbooks are in both. An order counts when it is placed; the day of the letter does not count.
    """

    contact_id: str
    written_on: date
    #: The probability of at least one order.
    chance_if_written: float
    chance_if_not: float
    #: Whether there is one, in the life that was lived and in the other.
    ordered_if_written: bool
    ordered_if_not: bool


@dataclass(frozen=True, slots=True)
class Effect:
    """What a playbook's letters did to those who got them."""

    people: tuple[PersonTruth, ...]

    @property
    def chance_if_written(self) -> float | None:
        return _mean([person.chance_if_written for person in self.people])

    @property
    def chance_if_not(self) -> float | None:
        return _mean([person.chance_if_not for person in self.people])

    @property
    def difference(self) -> float | None:
        """In probability of ordering; what a holdout estimate should find. None where nobody was written to."""
        return _mean([person.chance_if_written - person.chance_if_not for person in self.people])

    @property
    def realised_difference(self) -> float | None:
        """The same with what the people did: a holdout estimate's sampling error lies around this one."""
        return _mean([person.ordered_if_written - person.ordered_if_not for person in self.people])


@dataclass(frozen=True, slots=True)
class Truth:
    """The planted effect: see `runner.sample.demand` for the mechanism."""

    #: A letter multiplies the daily chance of an order by 1 + this …
    effect: float
    #: … for so many days.
    effect_days: int
    #: The days after the first letter in which an order counts.
    within: int
    playbooks: Mapping[str, Effect]
    #: All letters of all playbooks, against none.
    all_letters: Effect


def two_lives(
    demand: Demand,
    place: int,
    contact_id: str,
    written_on: date,
    within: int,
    *,
    lived: Container[date],
    other: Container[date],
) -> PersonTruth:
    """`lived` and `other`: the days on which letters work, in the life that was lived and in the other one."""
    no_order = [1.0, 1.0]
    ordered = [False, False]
    for day in (written_on + timedelta(days=after) for after in range(1, within + 1)):
        chance, draw = demand.chance(place, day), demand.draw(place, day)
        for life, letters in enumerate((lived, other)):
            now = with_letter(chance, written=day in letters)
            no_order[life] *= 1 - now
            ordered[life] = ordered[life] or draw < now
    return PersonTruth(contact_id, written_on, 1 - no_order[0], 1 - no_order[1], ordered[0], ordered[1])


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None
