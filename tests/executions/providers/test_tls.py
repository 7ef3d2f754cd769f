"""Encrypted ways to the call service: only with a certificate that is valid for its name."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from executions.providers.base import LostError, NotSentError, Unreachable
from executions.providers.deadline_adapter import adapter
from executions.providers.dial_client import DialClient
from executions.providers.transport import ask
from tests.executions.providers.call_service import call_service, drips, hangs_up, says
from tests.executions.providers.dialer import send
from tests.executions.providers.make import a_call, a_ref, a_service

Story = Callable[[], Awaitable[None]]


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A key and a certificate for `localhost` that nobody has signed but itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "localhost.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + signed.public_bytes(serialization.Encoding.PEM)
    )
    return path


@pytest.fixture
def tls(certificate: Path) -> ssl.SSLContext:
    """How the service speaks TLS."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    return context


@pytest.fixture
def trusted(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine trusts the certificate, as an operator makes it trust a private authority."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))


@pytest.fixture(autouse=True)
def _fresh_adapter() -> None:
    """The trusted roots are read when the pool of connections is made."""
    adapter.cache_clear()


def run(story: Story) -> None:
    """Runs a story in an event loop of its own, 20 s at most."""

    async def bounded() -> None:
        async with asyncio.timeout(20):
            await story()

    asyncio.run(bounded())


def allow() -> None:
    """A guard that lets all pass."""


@pytest.mark.usefixtures("trusted")
def test_a_call_is_placed_over_tls_and_the_connection_is_kept(tls: ssl.SSLContext) -> None:
    async def story() -> None:
        async with call_service(says(), tls) as service:
            client, provider = DialClient(), a_service(service.url)
            for _ in range(3):
                response = await send(client, provider, provider.request(a_call()), allow)
                assert response.status == 200
            assert len(service.requests) == 3
            assert len(service.connections) == 1
            await client.close()

    run(story)


@pytest.mark.usefixtures("trusted")
def test_a_connection_closed_instead_of_an_answer_is_lost(tls: ssl.SSLContext) -> None:
    async def story() -> None:
        async with call_service(hangs_up, tls) as service:
            client, provider = DialClient(), a_service(service.url)
            with pytest.raises(LostError):
                await send(client, provider, provider.request(a_call()), allow)
            assert len(service.requests) == 1
            await client.close()

    run(story)


def test_a_certificate_that_nobody_trusts_is_not_sent(tls: ssl.SSLContext) -> None:
    async def story() -> None:
        async with call_service(says(), tls) as service:
            client, provider = DialClient(), a_service(service.url)
            with pytest.raises(NotSentError, match="certificate"):
                await send(client, provider, provider.request(a_call()), allow)
            assert service.requests == []
            await client.close()

    run(story)


@pytest.mark.usefixtures("trusted")
def test_a_certificate_for_another_name_is_not_sent(tls: ssl.SSLContext) -> None:
    async def story() -> None:
        async with call_service(says(), tls) as service:
            client = DialClient()
            provider = a_service(service.url.replace("localhost", "127.0.0.1"))
            with pytest.raises(NotSentError, match="certificate"):
                await send(client, provider, provider.request(a_call()), allow)
            await client.close()

    run(story)


def test_a_service_without_tls_is_not_sent() -> None:
    async def story() -> None:
        async with call_service(says()) as service:
            client = DialClient()
            provider = a_service(service.url.replace("http:", "https:"), deadline=0.5)
            with pytest.raises(NotSentError):
                await send(client, provider, provider.request(a_call()), allow)
            assert service.requests == []
            await client.close()

    run(story)


@pytest.mark.usefixtures("trusted")
def test_a_question_is_answered_over_tls(tls: ssl.SSLContext) -> None:
    async def story() -> None:
        async with call_service(says(b"{}"), tls) as service:
            provider = a_service(service.url)
            request = provider.fetch(a_ref())
            assert request is not None
            assert (await asyncio.to_thread(ask, request, provider)).body == b"{}"

    run(story)


@pytest.mark.usefixtures("trusted")
def test_a_slow_drip_over_tls_ends_at_the_deadline(tls: ssl.SSLContext) -> None:
    async def story() -> None:
        async with call_service(drips(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 50), tls) as service:
            provider = a_service(service.url, deadline=0.8)
            request = provider.fetch(a_ref())
            assert request is not None
            started = asyncio.get_running_loop().time()
            with pytest.raises(Unreachable):
                await asyncio.to_thread(ask, request, provider)
            assert asyncio.get_running_loop().time() - started < 10  # and not half a minute

    run(story)


def test_a_question_over_tls_to_a_stranger_is_unreachable(tls: ssl.SSLContext) -> None:
    async def story() -> None:
        async with call_service(says(), tls) as service:
            provider = a_service(service.url)
            request = provider.fetch(a_ref())
            assert request is not None
            with pytest.raises(Unreachable, match="certificate"):
                await asyncio.to_thread(ask, request, provider)

    run(story)
