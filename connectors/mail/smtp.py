"""Letters go to a mail server over SMTP: one connection a mailing, and the server's verdict on each recipient."""

from __future__ import annotations

import re
import smtplib
import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import ConfigDict, Field, SecretStr, model_validator

from connectors.base import ConnectorSettings, Letter, Mailer, Mailing, Outcome, Verdict
from connectors.errors import AuthFailed, ConnectorError, Permanent, SharedFault, Temporary, Unsupported
from connectors.limits import Caller
from connectors.loopback import is_loopback
from connectors.mail.message import ascii_address, check, message_id, mime, utc_now

SYSTEM = "SMTP"
#: Seconds for each of the server's answers; RFC 5321 would have ten minutes for the one after the text.
TIMEOUT = 60.0

#: Words of the server in a reason.
MAX_WORDS = 300


class SmtpSettings(ConnectorSettings):
    """`tls`: starttls on 587 (usual), implicit on 465, none for a server on this machine."""

    # A fault's message shows no input: it may be the password.
    model_config = ConfigDict(hide_input_in_errors=True)

    type: Literal["smtp"] = "smtp"
    host: str = Field(min_length=1)
    port: int = Field(default=587, ge=1, le=65535)
    user: str | None = None
    password: SecretStr | None = None
    tls: Literal["starttls", "implicit", "none"] = "starttls"
    #: Whether our own pages count opens and clicks, by signed links in the letters.
    tracking: bool = True

    @model_validator(mode="after")
    def _user_and_password(self) -> SmtpSettings:
        if bool(self.user) != bool(self.password and self.password.get_secret_value()):
            raise ValueError("`user` and `password` go together: give both or neither")
        if self.password and not f"{self.user}{self.password.get_secret_value()}".isascii():
            raise ValueError("`user` and `password` must be plain ASCII, as SMTP's log-in has no other characters")
        return self


class Smtp(Mailer):
    """Hands letters to one mail server.

    A letter's text goes out only after the server took its recipient; from then until the server's answer the letter
    is in doubt, and no other is.
    """

    type = "smtp"
    settings_model = SmtpSettings
    batch_size = 100

    def __init__(
        self,
        settings: SmtpSettings,
        *,
        workspace: Path,
        clock: Callable[[], datetime] = utc_now,
        caller: Caller | None = None,
        timeout: float = TIMEOUT,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._caller = caller or Caller(tries=4, seconds=60.0)
        self._timeout = timeout
        self.loopback = is_loopback(settings.host)
        self.counts = "pages" if settings.tracking else None

    def send(self, mailing: Mailing) -> Sequence[Outcome]:
        check(mailing, system=SYSTEM)
        if not mailing.letters:
            return []
        try:
            connection = self._caller.call(self._connect)
        except Temporary as error:
            return [_untried(letter, str(error), error.retry_after) for letter in mailing.letters]
        with _closing(connection):
            return self._hand_over(connection, mailing)

    def _connect(self) -> smtplib.SMTP:
        """A greeted, encrypted, logged-in connection; whatever goes wrong here, no letter has left."""
        try:
            connection = self._open()
        except (OSError, smtplib.SMTPException) as error:
            raise self._trouble("connect", error) from error
        try:
            self._introduce(connection)
        except (OSError, smtplib.SMTPException) as error:
            connection.close()
            raise self._trouble("log in", error) from error
        return connection

    def _open(self) -> smtplib.SMTP:
        host, port = self._settings.host, self._settings.port
        if self._settings.tls == "implicit":
            return smtplib.SMTP_SSL(host, port, timeout=self._timeout, context=ssl.create_default_context())
        return smtplib.SMTP(host, port, timeout=self._timeout)

    def _introduce(self, connection: smtplib.SMTP) -> None:
        settings = self._settings
        connection.ehlo_or_helo_if_needed()
        if settings.tls == "starttls":
            connection.starttls(context=ssl.create_default_context())
            connection.ehlo()
        if settings.user and settings.password:
            connection.login(settings.user, settings.password.get_secret_value())

    def _trouble(self, request: str, error: OSError | smtplib.SMTPException) -> ConnectorError:
        where = f"{self._settings.host}:{self._settings.port}"
        # smtplib has no class of its own for "no way to log in that both sides know".
        if isinstance(error, smtplib.SMTPNotSupportedError) or type(error) is smtplib.SMTPException:
            words = f"{where} does not offer what the settings ask for ({error}); see `tls`, `user`"
            return Unsupported(words, system=SYSTEM, request=request)
        if isinstance(error, smtplib.SMTPResponseException):
            words = f"{where} answered: {_words(error.smtp_error)}"
            kind = AuthFailed if error.smtp_code >= 500 else Temporary
            return kind(words, system=SYSTEM, request=request, status=error.smtp_code)
        return Temporary(f"{where} cannot be used ({error})", system=SYSTEM, request=request)

    def _hand_over(self, connection: smtplib.SMTP, mailing: Mailing) -> list[Outcome]:
        at = self._clock()
        outcomes: list[Outcome] = []
        lost: str | None = None
        for letter in mailing.letters:
            if ascii_address(letter.to.email) is None:
                words = f"{letter.to.email!r} is not an address that every mail server takes"
                outcomes.append(_refused(letter, words))
            elif lost is not None:
                outcomes.append(_untried(letter, lost))
            else:
                try:
                    outcome, lost = _deliver(connection, mailing, letter, at)
                except (Temporary, Permanent) as error:
                    if not _anything_went(outcomes):
                        raise
                    lost = str(error)
                    outcome = _untried(letter, lost)
                outcomes.append(outcome)
        return outcomes


def _deliver(connection: smtplib.SMTP, mailing: Mailing, letter: Letter, at: datetime) -> tuple[Outcome, str | None]:
    """The verdict on one letter, and why the connection can carry no more; None where it can."""
    text = _stuffed(mime(mailing, letter, at=at))
    try:
        no = _ask_for(connection, mailing, letter)
    except (OSError, smtplib.SMTPException) as error:
        lost = f"{SYSTEM}: the connection was lost ({error})"
        return _untried(letter, lost), lost
    if no is not None:
        return _verdict(letter, *no)
    try:
        connection.send(text)
        code, words = connection.getreply()
    except (OSError, smtplib.SMTPException) as error:
        return _unsure(letter, str(error)), f"{SYSTEM}: the connection was lost ({error})"
    if 200 <= code < 300:
        return Outcome(letter.send_id, Verdict.ACCEPTED, message_id=message_id(mailing, letter)), None
    if not 400 <= code < 600:
        return _unsure(letter, f"the answer makes no sense: {_words(words)}"), f"{SYSTEM}: no answer that makes sense"
    return _verdict(letter, code, words)


def _ask_for(connection: smtplib.SMTP, mailing: Mailing, letter: Letter) -> tuple[int, bytes] | None:
    """Names sender and recipient; the server's code and words where it does not want the letter, else None.

    Raises where it is us or the sender, not the recipient, whom the server does not want: it would say so every time.
    """
    recipient = ascii_address(letter.to.email) or letter.to.email
    for command, yes in (
        (f"MAIL FROM:<{ascii_address(mailing.sender.email)}>", (250,)),
        (f"RCPT TO:<{recipient}>", (250, 251)),
        ("DATA", (354,)),
    ):
        code, words = connection.docmd(command)
        if code in yes:
            continue
        request = command.partition(":")[0]
        if code == 530:
            raise AuthFailed(_words(words), system=SYSTEM, request=request, status=code)
        if code >= 500 and (request == "MAIL FROM" or _ABOUT_SENDER.search(_words(words))):
            raise SharedFault(_words(words), system=SYSTEM, request=request, status=code)
        if request == "MAIL FROM":
            raise Temporary(_words(words), system=SYSTEM, request=request, status=code)
        # Where the connection breaks here, the next letter notices; this one's verdict stands.
        with suppress(OSError, smtplib.SMTPException):
            connection.rset()
        return code, words
    return None


#: Postfix tells of the sender only once it has heard the recipient.
_ABOUT_SENDER = re.compile(r"\b5\.1\.[78]\b|\bsender address rejected\b", re.IGNORECASE)


def _stuffed(text: bytes) -> bytes:
    """The text as DATA takes it: a line's leading dot doubled, and a lone dot at the end."""
    return re.sub(rb"(?m)^\.", b"..", text) + b".\r\n"


def _verdict(letter: Letter, code: int, words: bytes) -> tuple[Outcome, str | None]:
    """What a no means for the letter; 421 means that the server closes the connection."""
    reason = f"{SYSTEM}: {code} {_words(words)}"
    if code >= 500:
        return _refused(letter, reason), None
    if code == 421:
        return _untried(letter, reason), reason
    return _returned(letter, reason), None


def _refused(letter: Letter, reason: str) -> Outcome:
    return Outcome(letter.send_id, Verdict.REFUSED, reason=reason)


def _returned(letter: Letter, reason: str) -> Outcome:
    return Outcome(letter.send_id, Verdict.RETURNED, reason=reason)


def _untried(letter: Letter, reason: str, retry_after: float | None = None) -> Outcome:
    return Outcome(letter.send_id, Verdict.UNTRIED, reason=reason, retry_after=retry_after)


def _unsure(letter: Letter, words: str) -> Outcome:
    return Outcome(
        letter.send_id, Verdict.UNSURE, reason=f"{SYSTEM}: the text went out and no certain answer came back ({words})"
    )


def _anything_went(outcomes: Sequence[Outcome]) -> bool:
    return any(outcome.verdict in (Verdict.ACCEPTED, Verdict.UNSURE) for outcome in outcomes)


def _words(answer: bytes | str) -> str:
    words = answer.decode("utf-8", "replace") if isinstance(answer, bytes) else answer
    return " ".join(words.split())[:MAX_WORDS]


@contextmanager
def _closing(connection: smtplib.SMTP) -> Iterator[None]:
    try:
        yield
    finally:
        with suppress(OSError, smtplib.SMTPException):
            connection.quit()
        connection.close()
