"""Signatures: ours is understood by the reference library, the library's by us."""

import base64
import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook

from webhooks.signing import BadSignature, key_of, new_secret, sign, signed_headers, verify

SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()
NOW = 1_790_000_000


def check(headers: dict[str, str], body: bytes, secret: str = SECRET, now: float = NOW) -> None:
    verify(
        secret,
        message_id=headers["webhook-id"],
        timestamp=headers["webhook-timestamp"],
        signatures=headers["webhook-signature"],
        body=body,
        now=now,
    )


def test_the_reference_library_accepts_our_signature() -> None:
    body = '{"type": "call.completed", "name": "Zoë"}'.encode()
    headers = signed_headers([SECRET], "msg_1", int(time.time()), body)
    assert Webhook(SECRET).verify(body, headers) == {"type": "call.completed", "name": "Zoë"}


def test_we_accept_the_reference_librarys_signature() -> None:
    at = datetime.fromtimestamp(NOW, UTC)
    signature = Webhook(SECRET).sign("msg_1", at, '{"a": 1}')
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(NOW),
        "webhook-signature": signature,
    }
    check(headers, b'{"a": 1}')


@given(
    key=st.binary(min_size=24, max_size=64),
    message_id=st.text(st.characters(exclude_categories=["Cs"]), max_size=60),
    at=st.integers(0, 9_999_999_999),
    body=st.binary(max_size=200),
)
def test_what_is_signed_is_accepted_and_one_changed_byte_is_not(
    key: bytes, message_id: str, at: int, body: bytes
) -> None:
    secret = "whsec_" + base64.b64encode(key).decode()
    headers = signed_headers([secret], message_id, at, body)
    check(headers, body, secret, now=at)
    with pytest.raises(BadSignature):
        check(headers, body + b" ", secret, now=at)
    with pytest.raises(BadSignature):
        check({**headers, "webhook-id": message_id + "x"}, body, secret, now=at)


@given(signatures=st.text(max_size=80), timestamp=st.text(max_size=20), body=st.binary(max_size=50))
def test_garbage_is_a_bad_signature_and_no_other_error(
    signatures: str, timestamp: str, body: bytes
) -> None:
    with pytest.raises(BadSignature):
        verify(
            SECRET, message_id="m", timestamp=timestamp, signatures=signatures, body=body, now=NOW
        )


@pytest.mark.parametrize("away", [-301, 301])
def test_a_message_more_than_five_minutes_away_is_refused(away: int) -> None:
    with pytest.raises(BadSignature, match="300 s"):
        check(signed_headers([SECRET], "m", NOW + away, b"{}"), b"{}")


@pytest.mark.parametrize("away", [-300, 0, 300])
def test_a_message_within_five_minutes_is_accepted(away: int) -> None:
    check(signed_headers([SECRET], "m", NOW + away, b"{}"), b"{}")


def test_one_fitting_signature_among_several_is_enough() -> None:
    other = new_secret()
    headers = signed_headers([other, SECRET], "m", NOW, b"{}")
    assert len(headers["webhook-signature"].split(" ")) == 2
    check(headers, b"{}")
    check(headers, b"{}", other)
    with pytest.raises(BadSignature):
        check(headers, b"{}", new_secret())


def test_a_signature_of_another_version_does_not_count() -> None:
    signature = sign(SECRET, "m", NOW, b"{}").replace("v1,", "v1a,")
    headers = {"webhook-id": "m", "webhook-timestamp": str(NOW), "webhook-signature": signature}
    with pytest.raises(BadSignature):
        check(headers, b"{}")


def test_a_new_secret_holds_24_to_64_random_bytes() -> None:
    first, second = new_secret(), new_secret()
    assert first.startswith("whsec_")
    assert first != second
    assert 24 <= len(key_of(first)) <= 64


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_!!!!", "whsec_c2hvcnQ=", "whsec_é"])
def test_a_useless_secret_is_a_sentence(secret: str) -> None:
    with pytest.raises(ValueError, match="24 to 64 bytes"):
        key_of(secret)
