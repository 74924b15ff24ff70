"""Figures from numbers that somebody types: the same formulas, without a store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from runner.errors import WrongUsage
from runner.kpis.formulas import FORMULAS, NAMES, Numbers
from runner.kpis.measure import Direction, Figure, Unit
from runner.yaml_file import closest


@dataclass(frozen=True, slots=True)
class Calculated:
    """One figure, and the numbers in words that it came from."""

    key: str
    name: str
    unit: Unit
    direction: Direction
    figure: Figure
    formula: str

    def document(self) -> dict[str, Any]:
        """For `calculate --json`."""
        told = self.figure
        return {
            "key": self.key,
            "name": self.name,
            "value": told.value,
            "unit": self.unit.value,
            "direction": self.direction.value,
            "n": told.n,
            "low": told.low,
            "high": told.high,
            "reason": told.reason and told.reason.value,
            "formula": self.formula,
            "note": told.note or None,
        }


def calculate(numbers: Numbers) -> Sequence[Calculated]:
    """Every figure that the numbers give. Raises WrongUsage for a name there is not, or numbers that cannot be."""
    for name in numbers:
        if name not in NAMES:
            raise WrongUsage(f"there is no {name!r} to calculate with; {closest(name, NAMES) or _all_names()}")
    _must_be_possible(numbers)
    told = [
        Calculated(f.key, f.name, f.unit, f.direction, f.of(dict.fromkeys(f.optional, 0.0) | dict(numbers)), f.words)
        for f in FORMULAS
        if all(name in numbers for name in f.needs)
    ]
    if not told:
        raise WrongUsage(f"these give no figure; {_what_is_missing(numbers)}")
    return told


def _all_names() -> str:
    return f"there are {', '.join(NAMES)}"


def _what_is_missing(numbers: Numbers) -> str:
    """The figure that the fewest further numbers would give."""
    found = min(FORMULAS, key=lambda f: (len(set(f.needs) - numbers.keys()), -len(set(f.needs) & numbers.keys())))
    missing = [f"{name} ({NAMES[name]})" for name in found.needs if name not in numbers]
    return f"for the {found.name.lower()} add {' and '.join(missing)}"


def _must_be_possible(numbers: Numbers) -> None:
    for name, value in numbers.items():
        if value < 0:
            raise WrongUsage(f"{name} is {NAMES[name]}: it cannot be {value:g}")
    for part, whole in _PARTS:
        if part in numbers and whole in numbers and numbers[part] > numbers[whole]:
            raise WrongUsage(f"{part} ({NAMES[part]}) cannot be more than {whole} ({NAMES[whole]})")
    if {"S", "E", "N"} <= numbers.keys():
        retained = numbers["E"] - numbers["N"] - numbers.get("R", 0)
        if retained < 0:
            raise WrongUsage("N and R are those still there at the end: together they cannot be more than E")
        if retained > numbers["S"]:
            raise WrongUsage(
                f"E − N − R is {retained:g}, more than the {numbers['S']:g} there were: who came back after having "
                "left is told as R"
            )


#: A number that is part of another one.
_PARTS = (
    ("repeaters", "buyers"), ("satisfied", "answers"), ("returned", "sold"), ("bounced", "sent"), ("opened", "sent"),
    ("clicked", "sent"), ("treated_ordered", "treated"), ("holdout_ordered", "holdout"),
)  # fmt: skip
