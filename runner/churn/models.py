"""Which model scores: ours, or one that another package brings under the entry point `regulars.churn_models`."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import entry_points
from typing import Any, Protocol

from runner.churn.histories import Histories, Snapshot
from runner.churn.mbg_nbd import MbgNbd
from runner.errors import WrongUsage
from runner.store.arrays import Floats
from runner.yaml_file import closest

ENTRY_POINT = "regulars.churn_models"


class Model(Protocol):
    """Learns from orders before a morning, and says of everybody how likely they are not to order in the days after it.

    It is asked at past mornings too, recalibrated by what became of them, and put aside while one figure for everybody
    would have been better: so it need not be right, only tell people apart.
    """

    def fit(self, before: Histories, day: int, horizon: int) -> Mapping[str, Any] | None:
        """What it has learnt, as JSON can keep it for a week; None where the data do not carry it.

        `before` may hold later orders: only those before `day` were known then.
        """

    def silent(self, parameters: Mapping[str, Any], known: Snapshot, horizon: int) -> Floats:
        """The chance of each customer, 0 to 1."""


def model_called(name: str) -> Model:
    """Raises WrongUsage where there is none of that name."""
    if name == MbgNbd.name:
        return MbgNbd()
    found = {point.name: point for point in entry_points(group=ENTRY_POINT)}
    if name not in found:
        names = [MbgNbd.name, *sorted(found)]
        advice = closest(name, names) or f"there are {', '.join(names)}"
        raise WrongUsage(f"churn.model: there is no model {name!r}; {advice}")
    model: Model = found[name].load()()
    return model
