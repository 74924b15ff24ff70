"""A mail server on this machine: takes mail, refuses whom it is told to, and breaks off on demand.

with LoopbackSmtp() as server:
    server.answers["gone@people.example"] = "550 5.1.1 no such user"
    mailer = Smtp(SmtpSettings(host="127.0.0.1", port=server.port, tls="none"), workspace=folder)
    mailer.send(mailing)
    assert server.mails[0].recipients == ["ann@people.example"]
"""

from __future__ import annotations

import datetime
import ipaddress
import socket
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


@dataclass(frozen=True)
class Mail:
    """One mail as it arrived."""

    sender: str
    recipients: list[str]
    content: bytes


class LoopbackSmtp:
    """Takes mail on 127.0.0.1; with a `certificate` it offers STARTTLS, or speaks TLS at once where `implicit`.

    A `login` is asked for under TLS only.
    """

    def __init__(
        self,
        *,
        certificate: Path | None = None,
        implicit: bool = False,
        login: tuple[str, str] | None = None,
    ) -> None:
        self.mails: list[Mail] = []
        #: What RCPT, and (by the address in the text's turn) DATA answers for an address.
        self.answers: dict[str, str] = {}
        self.data_answers: dict[str, str] = {}
        #: What MAIL answers for every sender, where not None.
        self.sender_answer: str | None = None
        #: Addresses at whose text the connection breaks: after it was taken, or before.
        self.break_after_taking: set[str] = set()
        self.break_before_taking: set[str] = set()
        #: Addresses at whose RCPT the connection breaks.
        self.break_at_recipient: set[str] = set()
        self.connections = 0
        self.encrypted: list[bool] = []
        self._login = login
        context = _server_context(certificate) if certificate else None
        options: dict[str, Any] = {"enable_SMTPUTF8": False, "ident": "loopback"}
        if context and not implicit:
            options["tls_context"] = context
        if login:
            options |= {"authenticator": self._authenticate, "auth_required": True}
        self._controller = _Controller(
            self, hostname="127.0.0.1", port=0, ssl_context=context if implicit else None, **options
        )

    @property
    def port(self) -> int:
        return int(self._controller.server.sockets[0].getsockname()[1])

    def __enter__(self) -> LoopbackSmtp:
        self._controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._controller.stop()

    def _authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, login: Any
    ) -> AuthResult:
        known = self._login and LoginPassword(*(word.encode() for word in self._login))
        return AuthResult(success=login == known, handled=False)

    # What aiosmtpd asks its handler

    async def handle_EHLO(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        self.connections += 1
        self.encrypted.append(session.ssl is not None)
        session.host_name = hostname
        return responses

    async def handle_MAIL(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.sender_answer:
            return self.sender_answer
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self.break_at_recipient:
            server.transport.abort()
        answer = self.answers.get(address)
        if answer:
            return answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        [address] = envelope.rcpt_tos
        if address in self.break_before_taking:
            server.transport.abort()
            return "451 broken"
        if address in self.data_answers:
            return self.data_answers[address]
        assert isinstance(envelope.content, bytes)
        self.mails.append(Mail(envelope.mail_from or "", list(envelope.rcpt_tos), envelope.content))
        if address in self.break_after_taking:
            server.transport.abort()
        return "250 OK: taken"


class _Controller(Controller):
    """aiosmtpd's tries its server out on port 0 and with a server's certificate; any connection will do."""

    def _trigger_server(self) -> None:
        with socket.create_connection(self.server.sockets[0].getsockname(), timeout=60):
            self._factory_invoked.wait(60)


def self_signed(folder: Path, *, host: str | None = None) -> Path:
    """A certificate for 127.0.0.1, or a host, and its key in one PEM file; clients trust it through SSL_CERT_FILE."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "loopback")])
    now = datetime.datetime.now(datetime.UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host) if host else address]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ) + certificate.public_bytes(serialization.Encoding.PEM)
    path = folder / "loopback.pem"
    path.write_bytes(pem)
    return path


def _server_context(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context
