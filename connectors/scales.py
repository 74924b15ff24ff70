"""The scales on which a score means the same everywhere: 0 to 10 of an NPS, 1 to 5 of a CSAT, 1 to 7 of a CES."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scale:
    """A survey's scores, both ends included."""

    lowest: int
    highest: int

    def __contains__(self, score: object) -> bool:
        return isinstance(score, int) and not isinstance(score, bool) and self.lowest <= score <= self.highest

    def __str__(self) -> str:
        """As a record has it: `0-10`."""
        return f"{self.lowest}-{self.highest}"

    @property
    def scores(self) -> range:
        return range(self.lowest, self.highest + 1)

    @property
    def ends(self) -> tuple[int, int]:
        return self.lowest, self.highest


SCALES: Mapping[str, Scale] = {"nps": Scale(0, 10), "csat": Scale(1, 5), "ces": Scale(1, 7)}

#: A CSAT of three faces, as HubSpot asks it: unhappy, neither, happy. It is in no figure beside one of 1 to 5.
FACES = Scale(0, 2)
