"""What an action is: a frozen model whose fields are its YAML keys and which can say what it would do."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, WithJsonSchema

from runner.render.languages import in_language
from runner.yaml_types import MailAddress, Part, Wording

#: Steps within a step; the schema of a playbook says there what a step is.
Steps = Annotated[list[Any], WithJsonSchema({"steps": True})]


class Action(Part):
    """What a step does."""

    #: How YAML calls it.
    name: ClassVar[str]
    #: As it may be written, for the reference.
    example: ClassVar[str]
    #: The step's own name, which stays when steps are inserted or moved.
    id: str | None = Field(None, pattern=r"^[a-z][a-z0-9_]*$")

    @abstractmethod
    def says(self) -> str:
        """What it would do, for `plan`."""

    @classmethod
    def written(cls, schema: dict[str, Any]) -> dict[str, Any]:
        """The JSON Schema of what stands behind the name in YAML, from that of the model."""
        return schema


class MailAction(Action):
    """An action that writes to the contact."""

    #: The template without ending: `email/thanks` is `templates/email/thanks.mjml`.
    template: str
    #: The subject line, with `{{ … }}` as in templates: a text, or one for each language.
    subject: Wording
    #: The line that mail clients show after the subject; also one for each language.
    preheader: Wording | None = None
    #: What kind of mail it is, for those who choose what they get.
    topic: str = "lifecycle"
    #: `marketing` heeds opt-out, caps and holdout; `service` (a receipt, an answer) does not.
    purpose: Literal["marketing", "service"] = "marketing"
    #: Another sender than the account's.
    sender: MailAddress | None = Field(None, alias="from")
    #: Where answers go.
    reply_to: MailAddress | None = None
    #: Another mailer than the account's, by its name below `mail:`.
    mailer: str | None = None

    @property
    def about(self) -> str | None:
        """The survey's kind or the review site: what the answer will be about."""
        return None

    @property
    def headline(self) -> str:
        """The subject as it is written first, for who reads the playbook."""
        return in_language(self.subject, ())

    def headers(self, facts: Mapping[str, Any]) -> Mapping[str, str]:
        """Headers of its own; `facts` are what the trigger brought."""
        return {}

    def says(self) -> str:
        return f"mail {self.template}: {self.headline}"


class Work(Action):
    """An action that is neither a mail to the contact nor a pause: something is written down, or somebody is told."""

    #: What its row in `writes` is called.
    kind: ClassVar[str]
    #: Whether a text that is nothing but one `{{ … }}` stands for its value: a number, a date, yes or no.
    keeps_types: ClassVar[bool] = False

    @abstractmethod
    def wording(self) -> Mapping[str, Any]:
        """What it says, with `{{ … }}` in its texts, below the keys under which YAML has them."""


def texts(wording: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Every text of a wording with its place in it."""
    match wording:
        case str():
            yield path, wording
        case Mapping():
            for key, below in wording.items():
                yield from texts(below, (*path, key))
        case list() | tuple():
            for index, below in enumerate(wording):
                yield from texts(below, (*path, index))


def filled(wording: Any, fill: Callable[[str], Any]) -> Any:
    """The wording with each text as `fill` gives it."""
    match wording:
        case str():
            return fill(wording)
        case Mapping():
            return {key: filled(below, fill) for key, below in wording.items()}
        case list() | tuple():
            return [filled(below, fill) for below in wording]
    return wording
