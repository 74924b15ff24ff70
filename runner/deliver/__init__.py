"""Due enrollments become mails, tasks and messages: claimed first, then handed over, then settled."""

from __future__ import annotations

from runner.deliver.deliver import deliver
from runner.deliver.lease import Lease
from runner.deliver.office import Office, Versions
from runner.deliver.outcomes import Delivered
from runner.deliver.settle import drop, resend, sent, sweep, take_up

__all__ = ["Delivered", "Lease", "Office", "Versions", "deliver", "drop", "resend", "sent", "sweep", "take_up"]
