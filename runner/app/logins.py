"""Who of us may open the pages: passwords are kept as Argon2id hashes, sessions as digests, and both can be ended."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from runner.errors import WrongUsage
from runner.store import Store
from runner.store.tables import login_sessions, logins

if TYPE_CHECKING:
    from argon2 import PasswordHasher

#: Characters of a password: length is what a guesser pays for.
SHORTEST, LONGEST = 12, 256
#: A session ends after so long, whatever is done in it.
LASTS = timedelta(days=7)


class Role(StrEnum):
    """What somebody may do on the pages."""

    #: Look, and decide.
    ADMIN = "admin"
    #: Look.
    READER = "reader"


@dataclass(frozen=True, slots=True)
class Login:
    """One of us, as far as the pages need to know."""

    id: int
    email: str
    role: Role
    created_at: datetime

    @property
    def may_decide(self) -> bool:
        return self.role is Role.ADMIN


def admit(store: Store, email: str, password: str, role: Role, now: datetime) -> None:
    """Makes a login. Raises WrongUsage where there is one, or the password is none."""
    row = {"email": _address(email), "role": role, "created_at": now, "password_hash": _hash(email, password)}
    try:
        with store.write() as connection:
            connection.execute(sa.insert(logins).values(**row))
    except IntegrityError:
        raise WrongUsage(
            f"{email} has a login already; `regulars user password {email}` changes its password"
        ) from None


def change_password(store: Store, email: str, password: str) -> None:
    """From now on that one; every session of theirs ends."""
    digest = _hash(email, password)
    with store.write() as connection:
        id = _id_of(connection, email)
        connection.execute(logins.update().where(logins.c.id == id).values(password_hash=digest))
        connection.execute(login_sessions.delete().where(login_sessions.c.login_id == id))


def dismiss(store: Store, email: str) -> None:
    """Takes the login back, and ends every session of theirs."""
    with store.write() as connection:
        id = _id_of(connection, email)
        connection.execute(login_sessions.delete().where(login_sessions.c.login_id == id))
        connection.execute(logins.delete().where(logins.c.id == id))


def admitted(store: Store) -> Sequence[Login]:
    """Everybody who has a login, by address."""
    with store.read() as connection:
        return [_login(row) for row in connection.execute(sa.select(*_TOLD).order_by(logins.c.email))]


def anybody(store: Store) -> bool:
    """Whether there is a login at all."""
    with store.read() as connection:
        return connection.scalar(sa.select(logins.c.id).limit(1)) is not None


def recognise(store: Store, email: str, password: str) -> Login | None:
    """Whose address and password that is; nobody's takes as long as somebody's."""
    from argon2.exceptions import InvalidHashError, VerificationError

    with store.read() as connection:
        row = connection.execute(sa.select(*_TOLD, logins.c.password_hash).where(_is(email))).one_or_none()
    # Asked for in either case: the first of them takes its time.
    nobodys = _nobodys()
    known = row.password_hash if row is not None else nobodys
    try:
        _hasher().verify(known, password[: LONGEST + 1])
    except (VerificationError, InvalidHashError):
        return None
    if row is None:
        return None
    if _hasher().check_needs_rehash(row.password_hash):
        _keep(store, row.id, _hasher().hash(password))
    return _login(row)


def _keep(store: Store, id: int, digest: str) -> None:
    with store.write() as connection:
        connection.execute(logins.update().where(logins.c.id == id).values(password_hash=digest))


# --- sessions


def begin(store: Store, login: Login, now: datetime) -> str:
    """What the browser's cookie is to hold; what has run out is forgotten."""
    token = secrets.token_urlsafe(32)
    row = {"digest": _digest(token), "login_id": login.id, "until": now + LASTS}
    with store.write() as connection:
        connection.execute(login_sessions.delete().where(login_sessions.c.until <= now))
        connection.execute(sa.insert(login_sessions).values(**row))
    return token


def whose(store: Store, token: str, now: datetime) -> Login | None:
    """Whose session that is; None of one that has ended, or never was."""
    mine = login_sessions.c.digest == _digest(token), login_sessions.c.until > now
    with store.read() as connection:
        joined = sa.select(*_TOLD).join_from(login_sessions, logins, logins.c.id == login_sessions.c.login_id)
        row = connection.execute(joined.where(*mine)).one_or_none()
    return _login(row) if row is not None else None


def end(store: Store, token: str) -> None:
    with store.write() as connection:
        connection.execute(login_sessions.delete().where(login_sessions.c.digest == _digest(token)))


# --- how they are kept

_TOLD = (logins.c.id, logins.c.email, logins.c.role, logins.c.created_at)


def _login(row: Any) -> Login:
    return Login(row.id, row.email, Role(row.role), row.created_at)


def _is(email: str) -> sa.ColumnElement[bool]:
    return logins.c.email == email.strip().lower()


def _id_of(connection: sa.Connection, email: str) -> int:
    id = connection.scalar(sa.select(logins.c.id).where(_is(email)))
    if id is None:
        raise WrongUsage(f"{email} has no login; `regulars user list` names those who have")
    return int(id)


def _address(email: str) -> str:
    from email_validator import EmailNotValidError, validate_email

    try:
        validate_email(email.strip(), check_deliverability=False, test_environment=True)
    except EmailNotValidError as error:
        raise WrongUsage(f"{email!r} is no mail address: {error}") from None
    return email.strip().lower()


def _hash(email: str, password: str) -> str:
    if not SHORTEST <= len(password) <= LONGEST:
        raise WrongUsage(
            f"a password has {SHORTEST} to {LONGEST} characters, this one {len(password)}: take a sentence"
        )
    if password.strip().lower() == email.strip().lower():
        raise WrongUsage("the address is no password")
    return _hasher().hash(password)


@cache
def _hasher() -> PasswordHasher:
    from argon2 import PasswordHasher

    return PasswordHasher()


@cache
def _nobodys() -> str:
    """What the password of an address without a login is held against."""
    return _hasher().hash(secrets.token_urlsafe(32))


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
