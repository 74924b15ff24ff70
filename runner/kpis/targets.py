"""What the account wants a figure to be, and from where on it wants to be warned: how a value stands against both."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from runner.kpis.measure import Direction, Figure, Part, Unit
from runner.settings import KpiSettings

#: What a target may say.
BOUNDS = ("at_least", "at_most", "warn_at")


class Status(StrEnum):
    """How a value stands against its target."""

    MET = "met"
    MISSED = "missed"
    #: It falls short of the target, but the interval contains it: perhaps by chance.
    UNCLEAR = "unclear"
    #: Too few cases for any judgement; no alert may rest on it.
    TOO_FEW = "too_few"


@dataclass(frozen=True, slots=True)
class Target:
    """What the account wants a figure to be."""

    at_least: float | None = None
    at_most: float | None = None
    #: Beyond this it is time to act: below it where a lot is wanted, above it where little is.
    warn_at: float | None = None

    def document(self) -> dict[str, float]:
        told = {"at_least": self.at_least, "at_most": self.at_most}
        return {name: bound for name, bound in told.items() if bound is not None}

    @property
    def aims(self) -> bool:
        """Whether it says what to reach, not only when to act."""
        return self.at_least is not None or self.at_most is not None

    def judge(self, figure: Figure) -> Status:
        """Whether the value reaches the target; falling short within the interval is not called a miss."""
        assert figure.value is not None
        if self._reached(figure.value, figure.value):
            return Status.MET
        surely = figure.low is None or figure.high is None or not self._reached(figure.low, figure.high)
        return Status.MISSED if surely else Status.UNCLEAR

    def _reached(self, low: float, high: float) -> bool:
        """Whether some value between the two reaches the target."""
        return (self.at_least is None or high >= self.at_least) and (self.at_most is None or low <= self.at_most)


class Alarm(StrEnum):
    """How a value stands against its warning threshold."""

    CLEAR = "clear"
    #: Beyond it, and the interval contains it: perhaps by chance. It alarms nobody before it is so twice.
    PERHAPS = "perhaps"
    #: Beyond it with its whole interval.
    CROSSED = "crossed"
    #: Too few cases: nobody is alarmed.
    TOO_FEW = "too_few"


@dataclass(frozen=True, slots=True)
class Warned:
    """The threshold beyond which it is time to act, and whether the value is there."""

    at: float
    #: None without a value.
    state: Alarm | None

    def document(self) -> dict[str, Any]:
        return {"at": self.at, "state": self.state and self.state.value}


def target_of(settings: KpiSettings, key: str) -> Target | None:
    bounds = settings.targets.get(key)
    return None if bounds is None else Target(**{name: bounds.get(name) for name in BOUNDS})


def status_of(figure: Figure, about: Part, target: Target | None, minimum_n: int) -> Status | None:
    if figure.value is None:
        return None
    if not about.certain and about.unit is not Unit.COUNT and figure.n < minimum_n:
        return Status.TOO_FEW
    return None if target is None or not target.aims else target.judge(figure)


def warned_of(figure: Figure, about: Part, target: Target, minimum_n: int) -> Warned | None:
    """The threshold is passed downwards where the target says `at_least` or, without one, where higher is better."""
    if target.warn_at is None:
        return None
    downwards = target.at_least is not None if target.aims else about.direction is not Direction.LOWER
    return Warned(target.warn_at, _alarm(figure, about, target.warn_at, downwards, minimum_n))


def _alarm(figure: Figure, about: Part, at: float, downwards: bool, minimum_n: int) -> Alarm | None:
    if figure.value is None:
        return None
    if not about.certain and about.unit is not Unit.COUNT and figure.n < minimum_n:
        return Alarm.TOO_FEW
    beyond = (figure.value < at) if downwards else (figure.value > at)
    if not beyond:
        return Alarm.CLEAR
    near = figure.high if downwards else figure.low
    surely = near is None or ((near < at) if downwards else (near > at))
    return Alarm.CROSSED if surely else Alarm.PERHAPS
