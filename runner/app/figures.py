"""Whether a playbook that watches a figure can do its job: the figure is there, and no step writes to a customer."""

from __future__ import annotations

from collections.abc import Iterator

from runner import kpis
from runner.actions import MailAction, UpdateContact
from runner.errors import Fault
from runner.playbook import Reading
from runner.triggers.kpi import Kpi
from runner.yaml_file import closest

_WHAT_CAN = "a kpi playbook is about the account: use notify, webhook, create_task or wait"


def figure_faults(reading: Reading) -> Iterator[Fault]:
    """What is wrong with it, where its trigger is `kpi`."""
    playbook = reading.playbook
    if playbook is None or not isinstance(playbook.trigger, Kpi):
        return
    file, key = playbook.file, playbook.trigger.key
    if key not in kpis.KEYS:
        advice = closest(key, kpis.KEYS) or f"there are {', '.join(kpi.key for kpi in kpis.KPIS)}"
        yield file.fault(("trigger", "kpi", "key"), f"no KPI {key!r}", advice)
    for step in playbook.steps:
        if isinstance(step.action, MailAction | UpdateContact):
            yield file.fault((*step.path, step.action.name), "there is no customer it could be for", _WHAT_CAN)
    if playbook.keys.holdout.share:
        yield file.fault(("holdout",), "holds out nobody: the account itself is told, or is not", "leave it out")
