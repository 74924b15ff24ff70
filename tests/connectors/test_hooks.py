"""Webhooks: signed so that any receiver can tell, kept within the internet at large, and in doubt about nothing."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from connectors.base import Outcome, Verdict
from connectors.hooks.addresses import Resolver, is_public
from connectors.hooks.signing import key_of, signature
from connectors.hooks.webhook import Hook, Hooks
from connectors.limits import Caller
from tests.loopback.hooks import LoopbackHooks
from tests.loopback.smtp import self_signed

NOON = datetime(2027, 3, 1, 12, 0, tzinfo=UTC)
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
BODY = b'{"test": 2432232314}'


@pytest.fixture
def receiver() -> Iterator[LoopbackHooks]:
    with LoopbackHooks() as running:
        yield running


class Posting:
    """Posts one message, and writes down the pauses between its tries in place of making them."""

    def __init__(self, *, resolve: Resolver | None = None, timeout: float = 5.0, **more: Any) -> None:
        self.pauses: list[float] = []
        if resolve is not None:
            more["resolve"] = resolve
        caller = Caller(tries=3, seconds=20.0, sleep=self.pauses.append)
        self._hooks = Hooks(caller=caller, timeout=timeout, **more)

    def __call__(self, url: str, id: str = "m-1", **hook: Any) -> Outcome:
        told = {"secrets": (SECRET,), "allow_private": True, **hook}
        return self._hooks.post(Hook(url, **told), id, BODY, at=NOON)


def at(*addresses: str) -> Resolver:
    return lambda host, port: addresses


# The signature


def test_the_signature_is_the_one_of_the_specification_s_example() -> None:
    told = signature(SECRET, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, BODY)
    assert told == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_receiver_can_tell_that_a_message_is_ours(receiver: LoopbackHooks) -> None:
    assert Posting()(receiver.url) == Outcome("m-1", Verdict.ACCEPTED)
    (message,) = receiver.taken
    assert message.is_signed_with(SECRET)
    assert not message.is_signed_with(OTHER)
    assert (message.id, message.timestamp, message.body) == ("m-1", int(NOON.timestamp()), BODY)


def test_while_a_secret_is_changed_both_sign(receiver: LoopbackHooks) -> None:
    Posting()(receiver.url, secrets=(SECRET, OTHER))
    assert receiver.taken[0].is_signed_with(SECRET)
    assert receiver.taken[0].is_signed_with(OTHER)


def test_without_a_secret_there_is_no_signature(receiver: LoopbackHooks) -> None:
    Posting()(receiver.url, secrets=())
    assert "webhook-signature" not in receiver.taken[0].headers


def test_the_message_goes_to_path_and_query_under_the_host_s_name(receiver: LoopbackHooks) -> None:
    Posting(resolve=at("127.0.0.1"))(f"http://crm.example:{receiver.port}/in?team=a")
    (message,) = receiver.taken
    assert (message.path, message.headers["host"]) == ("/in?team=a", f"crm.example:{receiver.port}")
    assert message.headers["content-type"] == "application/json"


@pytest.mark.parametrize("secret", ["secret", "whsec_", "whsec_c2hvcnQ=", "whsec_!!!", SECRET[6:]])
def test_what_is_no_secret_is_refused(secret: str) -> None:
    with pytest.raises(ValueError, match="whsec_"):
        key_of(secret)


# What an answer means


@pytest.mark.parametrize("status", ["200", "201", "202", "204"])
def test_any_success_means_that_it_was_taken(receiver: LoopbackHooks, status: str) -> None:
    receiver.answers.append(status)
    assert Posting()(receiver.url).verdict is Verdict.ACCEPTED


@pytest.mark.parametrize("status", ["400", "410", "413", "422"])
def test_what_is_refused_is_not_tried_again(receiver: LoopbackHooks, status: str) -> None:
    receiver.answers.append(status)
    assert Posting()(receiver.url) == Outcome("m-1", Verdict.REFUSED, reason=f"{status} said {status}")
    assert len(receiver.received) == 1


@pytest.mark.parametrize("status", ["401", "403", "404"])
def test_a_wrong_address_or_secret_is_no_fault_of_the_message(receiver: LoopbackHooks, status: str) -> None:
    receiver.answers.append(status)
    assert Posting()(receiver.url).verdict is Verdict.RETURNED
    assert len(receiver.received) == 1


@pytest.mark.parametrize("trouble", ["429", "500", "502", "503", "504", "drop", "drop after"])
def test_a_receiver_in_trouble_gets_it_again_under_the_same_id(receiver: LoopbackHooks, trouble: str) -> None:
    receiver.answers += [trouble, trouble]
    posting = Posting()
    assert posting(receiver.url).verdict is Verdict.ACCEPTED
    assert [message.id for message in receiver.received] == ["m-1"] * 3
    assert len(posting.pauses) == 2


def test_after_some_tries_it_comes_back(receiver: LoopbackHooks) -> None:
    receiver.answers += ["503"] * 9
    assert Posting()(receiver.url) == Outcome("m-1", Verdict.RETURNED, reason="503 said 503")
    assert len(receiver.received) == 3


def test_a_pause_that_is_asked_for_is_made(receiver: LoopbackHooks) -> None:
    receiver.answers.append("429:7")
    posting = Posting()
    assert posting(receiver.url).verdict is Verdict.ACCEPTED
    assert posting.pauses == [7.0]


def test_a_long_pause_is_the_sender_s_to_make(receiver: LoopbackHooks) -> None:
    receiver.answers.append("429:3600")
    posting = Posting()
    assert posting(receiver.url) == Outcome("m-1", Verdict.RETURNED, reason="429 said 429", retry_after=3600.0)
    assert posting.pauses == []


def test_nobody_at_the_address_is_no_doubt() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        outcome = Posting()(f"http://127.0.0.1:{closed.getsockname()[1]}/", knows_ids=False)
    assert outcome.verdict is Verdict.RETURNED
    assert "cannot be reached" in str(outcome.reason)


@pytest.mark.parametrize("trouble", ["500", "502", "504", "drop after"])
def test_a_receiver_that_takes_twice_what_comes_twice_is_left_in_doubt(receiver: LoopbackHooks, trouble: str) -> None:
    receiver.answers.append(trouble)
    assert Posting()(receiver.url, knows_ids=False).verdict is Verdict.UNSURE
    assert len(receiver.received) == 1


@pytest.mark.parametrize("trouble", ["slow", "drip"])
def test_no_receiver_keeps_us_longer_than_the_time_of_a_try(receiver: LoopbackHooks, trouble: str) -> None:
    receiver.answers.append(trouble)
    began = time.monotonic()
    assert Posting(timeout=0.3)(receiver.url, knows_ids=False).verdict is Verdict.UNSURE
    assert time.monotonic() - began < 5


def test_an_answer_without_end_is_not_read_to_its_end(receiver: LoopbackHooks) -> None:
    receiver.answers.append("huge")
    assert Posting()(receiver.url).verdict is Verdict.ACCEPTED


def test_a_redirect_is_not_followed(receiver: LoopbackHooks) -> None:
    receiver.answers.append("302")
    outcome = Posting()(receiver.url)
    assert (outcome.verdict, len(receiver.received)) == (Verdict.RETURNED, 1)
    assert "redirects are not followed" in str(outcome.reason)


# Where it may go

INSIDE = (
    "127.0.0.1", "127.8.9.10", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "169.254.169.254",
    "192.0.0.192", "168.63.129.16", "224.0.0.1", "240.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fe80::1%eth0",
    "fc00::1", "fd00:ec2::254", "fec0::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254",
    "::127.0.0.1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "2002:7f00:1::", "2002:a00:1::", "2001:db8::1", "nonsense",
)  # fmt: skip


@pytest.mark.parametrize("address", INSIDE)
def test_addresses_inside_are_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:4700::1111", "::ffff:93.184.216.34", "64:ff9b::5db8:d822"])
def test_addresses_of_the_internet_are_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("addresses", [("10.0.0.1",), ("93.184.216.34", "127.0.0.1"), ("::ffff:127.0.0.1",)])
def test_a_name_that_leads_inside_is_refused(receiver: LoopbackHooks, addresses: tuple[str, ...]) -> None:
    outcome = Posting(resolve=at(*addresses))(f"https://innocent.example:{receiver.port}/", allow_private=False)
    assert outcome.verdict is Verdict.REFUSED
    assert f"innocent.example is at {addresses[-1]}, which is no public address" in str(outcome.reason)
    assert receiver.received == []


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "127.1", "0x7f000001", "2130706433", "[::1]", "[::ffff:127.0.0.1]"]
)
def test_however_this_machine_is_written_it_is_refused(receiver: LoopbackHooks, host: str) -> None:
    outcome = Posting(resolve=_as_the_system_reads)(f"https://{host}:{receiver.port}/", allow_private=False)
    assert outcome.verdict is Verdict.REFUSED
    assert receiver.received == []


def _as_the_system_reads(host: str, port: int) -> Sequence[str]:
    """Odd spellings are numbers to the system; to the tests' guard they are names of somewhere else."""
    try:
        return [socket.inet_ntoa(socket.inet_aton(host))]
    except OSError:
        if ":" in host:
            return [host]
        return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


def test_a_name_that_leads_elsewhere_the_second_time_is_looked_up_once(receiver: LoopbackHooks) -> None:
    asked: list[str] = []

    def rebinding(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["203.0.113.9"]

    assert Posting(resolve=rebinding)(f"http://rebinding.example:{receiver.port}/").verdict is Verdict.ACCEPTED
    assert asked == ["rebinding.example"]


def test_each_try_is_checked_anew(receiver: LoopbackHooks) -> None:
    answers = [["127.0.0.1"], ["93.184.216.34"]]
    receiver.answers.append("503")
    posting = Posting(resolve=lambda host, port: answers.pop(0))
    outcome = posting(f"http://rebinding.example:{receiver.port}/")
    assert (outcome.verdict, len(receiver.received)) == (Verdict.REFUSED, 1)
    assert "is not https" in str(outcome.reason)


def test_without_tls_nothing_leaves_one_s_own_network() -> None:
    for private in (True, False):
        outcome = Posting(resolve=at("93.184.216.34"))("http://crm.example/", allow_private=private)
        assert (outcome.verdict, "is not https" in str(outcome.reason)) == (Verdict.REFUSED, True)


def test_a_rehearsal_stays_on_this_machine(receiver: LoopbackHooks) -> None:
    rehearsing = Posting(resolve=at("10.0.0.1"), loopback_only=True)
    outcome = rehearsing("http://crm.example/")
    assert (outcome.verdict, "rehearsal" in str(outcome.reason)) == (Verdict.REFUSED, True)
    assert Posting(loopback_only=True)(receiver.url).verdict is Verdict.ACCEPTED


def test_of_several_addresses_the_next_one_serves_where_one_does_not(receiver: LoopbackHooks) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.2", receiver.port))  # and nobody listens there
        outcome = Posting(resolve=at("127.0.0.2", "127.0.0.1"))(f"http://crm.example:{receiver.port}/")
    assert outcome.verdict is Verdict.ACCEPTED


@pytest.mark.parametrize("fault", [socket.gaierror(-2, "Name or service not known"), UnicodeError("label too long")])
def test_a_name_that_nobody_knows_today_may_be_known_tomorrow(fault: Exception) -> None:
    def unknown(host: str, port: int) -> Sequence[str]:
        raise fault

    assert Posting(resolve=unknown)("https://gone.example/").verdict is Verdict.RETURNED


# TLS


def test_the_certificate_must_be_the_host_s_whatever_its_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = self_signed(tmp_path, host="crm.example")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with LoopbackHooks(certificate=certificate) as receiver:
        posting = Posting(resolve=at("127.0.0.1"))
        assert posting(f"https://crm.example:{receiver.port}/").verdict is Verdict.ACCEPTED
        refused = posting(f"https://other.example:{receiver.port}/")
    assert (refused.verdict, len(receiver.received)) == (Verdict.RETURNED, 1)
    assert "certificate" in str(refused.reason).lower()


def test_a_certificate_that_nobody_vouches_for_is_not_trusted(tmp_path: Path) -> None:
    with LoopbackHooks(certificate=self_signed(tmp_path, host="crm.example")) as receiver:
        outcome = Posting(resolve=at("127.0.0.1"))(f"https://crm.example:{receiver.port}/")
    assert (outcome.verdict, receiver.received) == (Verdict.RETURNED, [])
