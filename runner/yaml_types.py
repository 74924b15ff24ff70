"""What stands in people's YAML files: parts with keys of their own, times of day, shares, addresses."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import time
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, WithJsonSchema


class Part(BaseModel):
    """A part of a user's YAML file: unknown keys are faults, values do not change, no number is endless."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, hide_input_in_errors=False, allow_inf_nan=False, defer_build=True
    )


def _hour(value: Any) -> Any:
    if isinstance(value, str) and re.fullmatch(r"([01]?\d|2[0-3]):[0-5]\d", value):
        hours, minutes = value.split(":")
        return time(int(hours), int(minutes))
    if isinstance(value, time):
        return value
    raise ValueError(f'must be a time of day in quotes such as "09:00", is {value!r}')


def _share(value: Any) -> Any:
    share = value
    if isinstance(value, str) and re.fullmatch(r"\d+(\.\d+)? ?%", value.strip()):
        share = float(value.strip().rstrip("% ")) / 100
    if isinstance(share, int | float) and not isinstance(share, bool) and 0 <= share <= 1:
        return float(share)
    raise ValueError(f"must be a share from 0% to 100%, such as 10%, is {value!r}")


def _not_yet(value: Any) -> Any:
    raise ValueError("is not in this version yet")


#: A key of the language that this version does not act on: it is known, and refused by name.
NotYet = Annotated[Any, BeforeValidator(_not_yet)]
#: "09:00"
Hour = Annotated[time, BeforeValidator(_hour)]
#: 10% or 0.1
Share = Annotated[
    float,
    BeforeValidator(_share),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "minimum": 0, "maximum": 1},
                {"type": "string", "pattern": r"^\d+(\.\d+)? ?%$"},
            ]
        }
    ),
]


_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z]{2,4})?")


def wording(value: Any) -> Any:
    if isinstance(value, str) and value.strip():
        return value
    if isinstance(value, Mapping) and value and all(isinstance(text, str) and text.strip() for text in value.values()):
        if wrong := [str(key) for key in value if not _LANGUAGE.fullmatch(str(key))]:
            raise ValueError(f"must have languages as its keys, such as en or de, has {', '.join(wrong)}")
        return dict(value)
    raise ValueError(f"must be a text, or one for each language: {{en: …, de: …}}, is {value!r}")


#: A text, or one for each language: `{en: Anything else?, de: Noch etwas?}`; who reads none of them gets the first.
Wording = Annotated[
    str | Mapping[str, str],
    BeforeValidator(wording),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "object", "additionalProperties": {"type": "string"}}]}),
]


def mail_address(email: Any) -> Any:
    from email_validator import EmailNotValidError, validate_email

    try:
        return validate_email(str(email), check_deliverability=False, test_environment=True).normalized
    except EmailNotValidError as error:
        raise ValueError(f"must be a mail address, is {email!r}: {error}") from None


#: hello@acme.example
MailAddress = Annotated[str, BeforeValidator(mail_address)]


def web_address(url: Any) -> str:
    """An address that can be called as it is written: no password in it, no signs that must be escaped first."""
    if not isinstance(url, str) or not re.fullmatch(r"https?://[!-~]+", url) or not _is_whole(url):
        shown = without_password(url) if isinstance(url, str) else url
        raise ValueError(f"must be a web address such as https://acme.example/in, without a password, is {shown!r}")
    return url


def _is_whole(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and "@" not in parts.netloc and parts.port != 0
    except ValueError:
        return False


#: https://acme.example/in
WebAddress = Annotated[str, BeforeValidator(web_address)]


def without_password(url: str) -> str:
    return re.sub(r"://[^/]*@", "://…@", url)
