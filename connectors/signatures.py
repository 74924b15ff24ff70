"""Whether SendGrid signed a body: its event webhook does, and Inbound Parse with a security policy does it alike."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

# Of Inbound Parse, Twilio ("Securing your Inbound Parse Webhooks") says that it is ECDSA, in a header. That it is
# these two headers, over the time and the raw multipart body, is read off those that have it running: a starter kit of
# Twilio's own (danbartlett-twilio/SendGrid-Inbound-Parse-Plus-AI-Processing) and dust-tt/dust.
SIGNATURE = "x-twilio-email-event-webhook-signature"
TIMESTAMP = "x-twilio-email-event-webhook-timestamp"

#: How long SendGrid tries to hand events in: 24 hours; and mail: three days.
EVENTS = timedelta(hours=25)
MAIL = timedelta(hours=73)

#: How far SendGrid's clock may be ahead of ours.
SKEW = timedelta(minutes=10)


def public_key(text: str) -> ec.EllipticCurvePublicKey:
    """The verification key as SendGrid's settings page shows it, or as PEM. Raises ValueError."""
    plain = "".join("".join(line.split()) for line in text.splitlines() if "-----" not in line)
    try:
        key = serialization.load_der_public_key(base64.b64decode(plain, validate=True))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ValueError("must be the verification key that SendGrid shows for its webhook") from error
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise ValueError("must be SendGrid's verification key, an elliptic curve key")
    return key


def is_signed(
    key: ec.EllipticCurvePublicKey, headers: Mapping[str, str], body: bytes, *, now: datetime, tries: timedelta
) -> bool:
    """Whether SendGrid signed these very bytes, not longer ago than it keeps trying; header names are lower case."""
    stamp = headers.get(TIMESTAMP, "")
    try:
        signed_at = datetime.fromtimestamp(int(stamp), UTC)
        signature = base64.b64decode(headers.get(SIGNATURE, ""), validate=True)
        key.verify(signature, stamp.encode() + body, ec.ECDSA(hashes.SHA256()))
    except (InvalidSignature, ValueError, OverflowError, OSError):
        return False
    return -SKEW <= now - signed_at <= tries
