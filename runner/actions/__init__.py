"""What a step of a playbook does; one file each."""

from __future__ import annotations

from collections.abc import Mapping

from runner.actions.add_note import AddNote
from runner.actions.auto_reply import AutoReply
from runner.actions.base import Action, MailAction, Work
from runner.actions.choose import Choose
from runner.actions.create_task import CreateTask
from runner.actions.notify import Notify
from runner.actions.request_referral import RequestReferral
from runner.actions.request_review import RequestReview
from runner.actions.send_email import SendEmail
from runner.actions.split import Split
from runner.actions.stop import Stop
from runner.actions.survey import AnswerOrReminder, Reminder, Survey
from runner.actions.update_contact import UpdateContact
from runner.actions.wait import Wait
from runner.actions.webhook import Webhook

__all__ = [
    "ACTIONS",
    "NOT_YET",
    "Action",
    "AddNote",
    "AnswerOrReminder",
    "AutoReply",
    "Choose",
    "CreateTask",
    "MailAction",
    "Notify",
    "Reminder",
    "RequestReview",
    "Split",
    "Stop",
    "Survey",
    "UpdateContact",
    "Wait",
    "Webhook",
    "Work",
]

#: Every action by its name in YAML.
ACTIONS: Mapping[str, type[Action]] = {
    action.name: action
    for action in (
        SendEmail,
        AutoReply,
        Survey,
        RequestReview,
        RequestReferral,
        CreateTask,
        AddNote,
        UpdateContact,
        Notify,
        Webhook,
        Wait,
        Choose,
        Split,
        Stop,
    )
}
#: Actions of the language that this version does not have yet.
NOT_YET: tuple[str, ...] = ()
