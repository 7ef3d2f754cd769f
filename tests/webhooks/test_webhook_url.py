"""Which URLs a webhook may have, judged by their looks alone."""

from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler_project.webhook_url import check_webhook_url

HERE = ip_network("127.0.0.0/8")


def check(url: str, allow_http: bool = False, nets: tuple[object, ...] = ()) -> str:
    return check_webhook_url(url, allow_http=allow_http, allowed_nets=nets)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given_url", "normal"),
    [
        (
            "https://yourapp.com/webhooks/call-executed",
            "https://yourapp.com/webhooks/call-executed",
        ),
        ("HTTPS://YourApp.com", "https://yourapp.com"),
        ("https://yourapp.com:443/a?b=c&d=%20", "https://yourapp.com/a?b=c&d=%20"),
        ("https://yourapp.com:8443/", "https://yourapp.com:8443/"),
        ("https://bücher.example/straße", "https://xn--bcher-kva.example/stra%C3%9Fe"),
        ("https://my_host.example.com./x#part", "https://my_host.example.com/x"),
        ("https://1.1.1.1/x", "https://1.1.1.1/x"),
        ("https://[2606:4700::1111]/x", "https://[2606:4700::1111]/x"),
    ],
)
def test_a_good_url_is_kept_in_its_normal_form(given_url: str, normal: str) -> None:
    assert check(given_url) == normal
    assert check(normal) == normal


@pytest.mark.parametrize(
    ("url", "hint"),
    [
        ("http://yourapp.com/", "begins with https://"),
        ("ftp://yourapp.com/", "begins with https://"),
        ("yourapp.com/hook", "begins with https://"),
        ("", "begins with https://"),
        ("https://", "names a host"),
        ("https:///path", "names a host"),
        ("https://user@yourapp.com/", "no user name"),
        ("https://user:word@yourapp.com/", "no user name"),
        ("https://yourapp.com@10.0.0.1/", "no user name"),
        ("https://yourapp.com:8080/", "443 or 8443"),
        ("https://yourapp.com:22/", "443 or 8443"),
        ("https://yourapp.com:0/", "1 to 65535"),
        ("https://yourapp.com:99999/", "1 to 65535"),
        ("https://yourapp.com:x/", "1 to 65535"),
        ("https://your app.com/", "no spaces"),
        ("https://yourapp.com/\x00", "control characters"),
        ("https://yourapp.com/a\nb", "control characters"),
        ("https://yourapp.com\\@10.0.0.1/", "backslashes"),
        ("https://yourapp.com/\ud800", "control characters"),
        ("https://" + "a" * 64 + ".com/", "names a host"),
        ("https://-a.com/", "names a host"),
        ("https://a..com/", "names a host"),
        ("https://yourapp.com/" + "x" * 2048, "2048 characters"),
        ("https://yourapp.com/" + "ß" * 2000, "2048 characters"),
        ("https://[::1", "no URL"),
        ("https://[fe80::1%25eth0]/", "zone"),
        ("https://[nonsense]/", "no (URL|IPv6 address)"),
    ],
)
def test_a_bad_url_is_refused_with_what_would_be_right(url: str, hint: str) -> None:
    with pytest.raises(ValueError, match=hint):
        check(url)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "10.0.0.1", "169.254.169.254", "[::1]", "[::ffff:127.0.0.1]",
        "[64:ff9b::a9fe:a9fe]", "[fd00::1]", "0.0.0.0",  # noqa: S104  a destination here, nothing is bound
        "localhost", "api.localhost", "LOCALHOST.",
        "①②⑦.0.0.1", "\uff11\uff12\uff17.0.0.1", "127。0。0。1",
    ],
)  # fmt: skip
def test_an_inner_address_is_refused_at_once(host: str) -> None:
    with pytest.raises(ValueError, match="public address"):
        check(f"https://{host}/")


@pytest.mark.parametrize("host", ["0x7f.1", "2130706433", "017700000001", "127.1", "0x7f000001"])
def test_a_numeric_form_that_resolvers_read_as_an_address_is_refused(host: str) -> None:
    with pytest.raises(ValueError, match="four numbers"):
        check(f"https://{host}/")


def test_plain_http_needs_the_setting() -> None:
    assert check("http://yourapp.com/", allow_http=True) == "http://yourapp.com/"
    with pytest.raises(ValueError, match="begins with https"):
        check("http://127.0.0.1:9000/", nets=(HERE,))


def test_an_allowed_network_may_use_any_port() -> None:
    url = "http://127.0.0.1:9000/hook"
    assert check(url, allow_http=True, nets=(HERE,)) == url
    assert check("https://localhost:9000/", nets=(HERE,)) == "https://localhost:9000/"
    with pytest.raises(ValueError, match="443 or 8443"):
        check("https://1.1.1.1:9000/", nets=(HERE,))


@given(st.text(max_size=60) | st.text("htps:/@[].0x1%#?", max_size=40).map("https://".__add__))
def test_any_text_is_a_url_or_a_value_error(text: str) -> None:
    try:
        normal = check(text)
    except ValueError:
        return
    assert normal.isascii()
    assert check(normal) == normal
