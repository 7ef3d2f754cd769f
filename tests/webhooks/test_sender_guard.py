"""The guard at the socket: inner addresses, names that change, redirects, proxies, certificates."""

import datetime
import ssl
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pytest_httpserver import HTTPServer
from werkzeug import Response

from scheduler_project.env import SchedulerSettings
from tests.webhooks.conftest import Receiver
from tests.webhooks.make import OneByOne
from webhooks.answers import Answer
from webhooks.sender import Sender

ONLY_ONE = SchedulerSettings(
    webhook_allow_http=True, webhook_allowed_nets=(ip_network("127.0.0.1/32"),)
)
CLOSED = SchedulerSettings(webhook_allow_http=True)


class Names:
    """A resolver that says what it is told to, and counts."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers, self.asked = list(answers), 0

    def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked += 1
        return self.answers[min(self.asked, len(self.answers)) - 1]


def send(url: str, rules: SchedulerSettings = ONLY_ONE, names: Names | None = None) -> Answer:
    with closing(OneByOne(Sender(rules, names))) as sender:
        return sender.send(url, {"webhook-id": "m"}, b"{}")


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
        "0.0.0.0",  # noqa: S104  a destination here, nothing is bound
        "192.0.0.1", "198.18.0.1", "224.0.0.1", "255.255.255.255", "::1", "::",
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1",
        "fd00::1", "fe80::1", "fe80::1%lo", "fec0::1", "ff02::1", "2002:7f00:1::", "2001::1",
        "5f00::1", "100::1",
    ],
)  # fmt: skip
def test_a_name_that_leads_inside_is_not_followed(address: str) -> None:
    answer = send("https://hooks.example/x", CLOSED, Names([address]))
    assert answer.status_code is None
    assert "a webhook goes to a public address" in answer.error


def test_one_inner_address_among_public_ones_is_enough_to_refuse() -> None:
    answer = send("https://hooks.example/x", CLOSED, Names(["1.1.1.1", "10.0.0.1"]))
    assert "10.0.0.1, which is private" in answer.error


@pytest.mark.parametrize("host", ["0x7f.1", "2130706433", "127.1", "①②⑦.0.0.1", "localhost"])
def test_an_inner_address_in_disguise_is_not_even_tried(host: str) -> None:
    names = Names(["127.0.0.1"])
    answer = send(f"https://{host}/", CLOSED, names)
    assert answer.error.startswith("Not sent: ")
    assert answer.final
    assert names.asked == 0


def test_a_name_is_resolved_once_and_the_checked_address_is_used(
    httpserver: HTTPServer, receiver: Receiver
) -> None:
    # A second question would lead to 127.0.0.2, which is not let through.
    names = Names(["127.0.0.1"], ["127.0.0.2"])
    assert send(f"http://hooks.example:{httpserver.port}/hook", names=names).error == ""
    assert names.asked == 1
    assert receiver.got[0][0]["host"] == f"hooks.example:{httpserver.port}"


def test_each_new_connection_is_checked_again(httpserver: HTTPServer, receiver: Receiver) -> None:
    names = Names(["127.0.0.1"], ["127.0.0.2"])
    url = f"http://hooks.example:{httpserver.port}/hook"
    with closing(OneByOne(Sender(ONLY_ONE, names))) as sender:
        assert sender.send(url, {"webhook-id": "m"}, b"{}").error == ""
        sender.drop_connections()
        assert "127.0.0.2, which is loopback" in sender.send(url, {"webhook-id": "m"}, b"{}").error
    assert len(receiver.got) == 1


@pytest.mark.parametrize("host", ["10.0.0.1", "169.254.169.254", "[::1]", "[::ffff:10.0.0.1]"])
def test_an_address_in_the_url_is_checked_at_the_socket_too(
    host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As if the look at the URL's shape had let it through; nobody resolves such a host.
    monkeypatch.setattr("webhooks.sender.check_webhook_url", lambda url, **rules: url)
    names = Names(["1.1.1.1"])
    answer = send(f"https://{host}/", CLOSED, names)
    assert answer.error.startswith(f"Not sent: {host.strip('[]')} leads to ")
    assert "a webhook goes to a public address" in answer.error
    assert names.asked == 0


def test_an_unusual_port_of_an_address_in_the_url_is_refused_at_the_socket_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("webhooks.sender.check_webhook_url", lambda url, **rules: url)
    answer = send("http://1.1.1.1:9000/", CLOSED)
    assert answer.error == "Not sent: port 9000 is not for webhooks; use 443 or 8443."


def test_a_name_that_does_not_exist_is_told_as_such() -> None:
    assert send("https://does-not-exist.invalid/").error == "The host name was not found in DNS."
    assert send("https://hooks.example/", names=Names([])).error


def test_an_unusual_port_of_a_public_address_is_refused_at_the_socket() -> None:
    # With allowed networks the port of a name is judged only when its address is known.
    answer = send("https://hooks.example:9000/", names=Names(["1.1.1.1"]))
    assert answer.error == "Not sent: port 9000 is not for webhooks; use 443 or 8443."


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_a_redirect_is_a_failure_and_is_not_followed(
    httpserver: HTTPServer, receiver: Receiver, code: int
) -> None:
    httpserver.expect_request("/moved").respond_with_response(
        Response(status=code, headers={"Location": receiver.url})
    )
    answer = send(httpserver.url_for("/moved"))
    assert answer.status_code == code
    assert "redirect" in answer.error
    assert receiver.got == []


def test_a_user_name_in_the_url_is_refused() -> None:
    answer = send("https://user:word@hooks.example/", names=Names(["1.1.1.1"]))
    assert answer.error.startswith("Not sent: A webhook URL holds no user name")


def test_proxies_and_netrc_of_the_machine_are_not_used(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password word\n")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    for name in ("http_proxy", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert send(receiver.url).error == ""
    assert "authorization" not in receiver.got[0][0]


def test_cookies_of_one_answer_do_not_go_with_the_next(receiver: Receiver) -> None:
    receiver.answers = [Response("ok", headers={"Set-Cookie": "a=b"})]
    with closing(OneByOne(Sender(ONLY_ONE))) as sender:
        sender.send(receiver.url, {}, b"{}")
        sender.send(receiver.url, {}, b"{}")
    assert len(receiver.got) == 2
    assert all("cookie" not in headers for headers, _ in receiver.got)


def _certificate(directory: Path, name: str) -> tuple[Path, Path]:
    """A self-signed certificate for `name` and its key, as files."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    day = datetime.timedelta(days=1)
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - day)
        .not_valid_after(now + day)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    cert_file, key_file = directory / "cert.pem", directory / "key.pem"
    cert_file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return cert_file, key_file


def _tls_server(directory: Path, name: str) -> tuple[HTTPServer, Path]:
    cert_file, key_file = _certificate(directory, name)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert_file, key_file)
    return HTTPServer(ssl_context=context), cert_file


def test_tls_names_and_verifies_the_host_not_the_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, cert_file = _tls_server(tmp_path, "hooks.example")
    monkeypatch.setenv("SSL_CERT_FILE", str(cert_file))
    rules = replace(ONLY_ONE, webhook_allow_http=False)
    with server:
        server.expect_request("/hook").respond_with_data("ok")
        good = f"https://hooks.example:{server.port}/hook"
        other = f"https://other.example:{server.port}/hook"
        names = Names(["127.0.0.1"])
        assert send(good, rules, names) == Answer(status_code=200, excerpt="ok")
        assert send(other, rules, names).error == "The TLS certificate is not valid for this host."


def test_an_unknown_authority_is_refused(tmp_path: Path) -> None:
    server, _ = _tls_server(tmp_path, "hooks.example")
    with server:
        answer = send(f"https://hooks.example:{server.port}/hook", names=Names(["127.0.0.1"]))
    assert answer.error == "The TLS certificate is not valid for this host."
