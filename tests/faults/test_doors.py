"""Hosts and origins by rule: what is not this server's own name, whole, is a stranger."""

import random
import sys

import pytest
from served import serving

pytestmark = pytest.mark.faults
OWN = ("127.0.0.1", "localhost", "[::1]")
COMMAND = (sys.executable, "-m", "usable_core.cli", "dashboard")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with serving(
        tmp_path_factory.mktemp("command"), "--headless", command=COMMAND, port_option="--port"
    ) as running:
        yield running


def near(draw, name):
    """Return a name that is nearly a name of ours, and another."""
    k = draw.randrange(len(name) + 1)
    sign = draw.choice("abc019.-_@%:[]~+!'")
    return draw.choice(
        (
            name[:k] + sign + name[k:],
            name[:k] + sign + name[k + 1 :],
            name[: k - 1] + name[k:] if k else name[1:],
            f"{name}.evil.example",
            f"evil.{name}",
            f"{name}@evil.example",
            name.replace(".", "。"),
            name.replace("o", "ο"),  # Greek
            f"{name}%00",
            f"{name}/",
            f"{name}#",
            f"{name}?",
            f"{name} {name}",
            f"{name},{name}",
        )
    )


def is_own(host):
    """Tell by hand whether a host is this server's."""
    usual = {f"{name}{dot}" for name in OWN for dot in ("", ".")}
    name, colon, number = host.rpartition(":")
    has_port = colon and number.isascii() and number.isdigit()
    return host.lower() in usual or bool(has_port and name.lower() in usual)


def test_only_whole_names_of_ours_are_heard(server):
    draw = random.Random(7)
    for _ in range(300):
        host = near(draw, draw.choice(OWN)) + draw.choice(("", f":{server.port}", ":80", ":x"))
        if is_own(host):
            continue
        sent = host.encode("utf-8")
        answer = server.ask("/", host=sent)
        assert answer.status in (400, 403), host
        assert not server.opens_websocket(host=sent, origin=b"http://" + sent), host


def test_only_the_origin_of_the_request_itself_is_heard(server):
    draw = random.Random(8)
    for _ in range(300):
        scheme = draw.choice(("http", "https", "ws", "file", "chrome-extension", "", "javascript"))
        name = draw.choice((*OWN, near(draw, draw.choice(OWN)), "null", "*", ""))
        port = draw.choice((server.port, server.port, server.port + 1, 80, ""))
        origin = f"{scheme}://{name}:{port}" + draw.choice(("", "", "/", "/x", "@evil"))
        is_same = origin in (f"http://{server.name}", f"https://{server.name}")
        sent = origin.encode("utf-8")
        assert server.opens_websocket(origin=sent) is is_same, origin
        assert (server.ask("/_stcore/health", Origin=sent).status == 200) is is_same, origin


def test_two_hosts_or_two_origins_are_none(server):
    here = f"http://{server.name}".encode()

    assert not server.opens_websocket(origin=here + b", http://evil.example")
    assert not server.opens_websocket(origin=b"http://evil.example, " + here)
    assert server.ask("/", host=f"{server.name}, evil.example").status in (400, 403)


@pytest.mark.parametrize(
    ("options", "heard", "unheard"),
    [
        (("--server.address", "0.0.0.0"), "127.0.0.1", "0.0.0.0"),
        (("--server.address", "localhost"), "localhost", "evil.example"),
        (("--server.allowedHosts", "usable.example"), "usable.example", "127.0.0.1"),
        (("--server.enableCORS", "false"), "127.0.0.1", "evil.example"),
        (("--server.enableXsrfProtection", "false"), "127.0.0.1", "evil.example"),
    ],
)
def test_the_settings_of_the_server_open_no_door_by_the_way(tmp_path, options, heard, unheard):
    with serving(tmp_path, "--server.headless", "true", *options) as server:
        origin = f"http://{heard}:{server.port}"
        assert server.ask("/", host=f"{heard}:{server.port}").status == 200
        assert server.opens_websocket(host=f"{heard}:{server.port}", origin=origin)
        assert not server.opens_websocket(
            host=f"{heard}:{server.port}", origin="http://evil.example"
        )
        assert server.ask("/", host=f"{unheard}:{server.port}").status == 403
