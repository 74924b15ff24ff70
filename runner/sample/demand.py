"""Who orders on a day: the one place where the planted effect stands.

A person orders on a day with the chance

    pace x season(day) x weekday(day) x hurt x lapsed x written

`pace` is the person's own (heavy-tailed, higher for the satisfied), `hurt` is 0.55 from the day something went wrong,
`lapsed` 0.1 from the day the person lost the habit, and `written` is 1 + EFFECT on the EFFECT_DAYS days after a letter,
whichever playbook sent it; letters do not add up, and past newsletters of other tools do nothing.

One draw a person and day decides, made from the seed alone: a letter changes the chance and never the draw. So
every person's other life, the one without the letter, is known exactly (`runner.sample.truth`).
"""

from __future__ import annotations

from array import array
from collections.abc import Container, Iterable, Sequence
from datetime import date, timedelta
from functools import lru_cache
from random import Random

from runner.sample.people import Person

#: Having been written to multiplies the daily chance of an order by 1 + EFFECT …
EFFECT = 1.5
#: … on this many days, from the day after the letter.
EFFECT_DAYS = 30

_HURT = 0.55
_LAPSED = 0.1
_MOST = 0.6
_SEASON = (0.75, 0.8, 0.95, 1.0, 1.05, 0.95, 0.85, 0.8, 1.0, 1.05, 1.35, 1.6)
_WEEKDAY = (1.1, 1.0, 1.0, 1.05, 1.1, 0.8, 0.95)


class Demand:
    """The orders of everybody, day by day."""

    def __init__(self, seed: int, people: Sequence[Person]) -> None:
        self._seed = seed
        self._people = people
        self._paces = [person.pace for person in people]
        self._draws = lru_cache(maxsize=400)(self._draw)

    def buyers(self, day: date, written: Container[int]) -> list[int]:
        """The places in `people` of those who order on `day`; `written` are those under the effect of a letter."""
        most = _season(day) * (1 + EFFECT)
        return [
            place
            for place, (draw, pace) in enumerate(zip(self._draws(day), self._paces, strict=True))
            if draw < pace * most and draw < with_letter(self.chance(place, day), written=place in written)
        ]

    def chance(self, place: int, day: date) -> float:
        """How likely the person orders on `day`, not having been written to."""
        person = self._people[place]
        if day <= person.created_on:
            return 0.0
        chance = person.pace * _season(day)
        if person.hurt_on is not None and day >= person.hurt_on:
            chance *= _HURT
        if person.lapses_on is not None and day >= person.lapses_on:
            chance *= _LAPSED
        return chance

    def draw(self, place: int, day: date) -> float:
        """The person orders on `day` if this is below the chance; it is the same in both lives."""
        return self._draws(day)[place]

    def _draw(self, day: date) -> array[float]:
        random = Random(f"{self._seed}:orders:{day}").random
        return array("d", (random() for _ in self._people))


def with_letter(chance: float, *, written: bool) -> float:
    """The chance of an order on a day that is one of a letter's days, or is not."""
    return min(chance * (1 + EFFECT) if written else chance, _MOST)


@lru_cache(maxsize=1000)
def _season(day: date) -> float:
    """Months flow into each other: a day lies between the middles of two."""
    half = day + timedelta(days=15)
    share = (half.day - 1) / 30
    before = _SEASON[half.month - 2]
    return (before * (1 - share) + _SEASON[half.month - 1] * share) * _WEEKDAY[day.weekday()]


def days_of_effect(starts: Iterable[date]) -> set[date]:
    """The days on which letters work whose effect starts on these days."""
    return {start + timedelta(days=after) for start in starts for after in range(EFFECT_DAYS)}
