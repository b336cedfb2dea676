"""Who may speak to the dashboard's server, and what stands on each of its answers."""

import json
import re

import pytest
from served import ROOT, serving
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import connect

from dashboard import server as doors

PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(40)
OURS = b"Usable does not answer"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The server as `streamlit run` starts it, from another folder than the checkout."""
    with serving(tmp_path_factory.mktemp("served"), "--server.headless", "true") as running:
        yield running


@pytest.fixture(scope="module")
def session(server):
    """A page's websocket, with an address of media and one for an upload."""
    uri = f"ws://{server.name}/_stcore/stream"
    settings = {"subprotocols": ["streamlit"], "max_size": None, "close_timeout": 0.5}
    with connect(uri, origin=f"http://{server.name}", **settings) as socket:
        message = BackMsg()
        message.rerun_script.query_string = ""
        socket.send(message.SerializeToString())
        pictures = (m.delta.new_element.imgs.imgs for m in received(socket, "delta"))
        media = next(p.url for shown in pictures for p in shown if p.url.startswith("/media/"))
        message = BackMsg()
        message.file_urls_request.file_names.append("photo.png")
        socket.send(message.SerializeToString())
        urls = next(received(socket, "file_urls_response")).file_urls_response.file_urls
        yield media, urls[0].upload_url


def received(socket, kind):
    while True:
        message = ForwardMsg()
        message.ParseFromString(socket.recv(timeout=60))
        if message.WhichOneof("type") == kind:
            yield message


# Host and Origin that a browser sends for pages that are not ours; `me` is the server's own name.
STRANGERS = {
    "a name of another's": ("evil.example:{port}", "http://{me}"),
    "bound anew to this machine": ("evil.example:{port}", "http://evil.example:{port}"),
    "a host that begins with ours": ("127.0.0.1.evil.example:{port}", "http://{me}"),
    "a host that ends with ours": ("evil-localhost:{port}", "http://{me}"),
    "ours as a user of another's": ("{me}@evil.example", "http://{me}"),
    "a port that is none": ("127.0.0.1:x", "http://{me}"),
    "every address of this machine": ("0.0.0.0:{port}", "http://0.0.0.0:{port}"),
    "an origin of another's": ("{me}", "http://evil.example"),
    "another port of this machine": ("{me}", "http://127.0.0.1:9999"),
    "the usual port of this machine": ("{me}", "http://127.0.0.1"),
    "another name of this machine": ("{me}", "http://localhost:{port}"),
    "another scheme": ("{me}", "ftp://{me}"),
    "a file or a frame without rights": ("{me}", "null"),
    "an origin that begins with ours": ("{me}", "http://{me}.evil.example"),
}


def headers_of(server, case):
    host, origin = (text.format(me=server.name, port=server.port) for text in STRANGERS[case])
    return {"host": host, "Origin": origin}


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "LOCALHOST", "localhost.", "[::1]"])
def test_a_page_of_ours_opens_a_websocket_under_each_name_of_this_machine(server, name):
    host = f"{name}:{server.port}"

    assert server.opens_websocket(host=host, origin=f"http://{host}")


@pytest.mark.parametrize("case", STRANGERS)
def test_no_stranger_opens_a_websocket_reads_or_uploads(server, session, case):
    headers, (media, upload) = headers_of(server, case), session

    assert not server.opens_websocket(host=headers["host"], origin=headers["Origin"])
    for path in ("/", media, "/_stcore/host-config", "/_stcore/health", "/static/js/none.js"):
        answer = server.ask(path, **headers)
        assert answer.status == 403, path
        assert "access-control-allow-origin" not in answer.headers
    answer = server.ask(upload, method="PUT", body=b"x", **headers)
    assert (answer.status, answer.body[: len(OURS)]) == (403, OURS)


def test_a_websocket_without_origin_and_a_request_without_host_are_refused(server):
    assert not server.opens_websocket()
    assert server.ask("/", host="").status in (400, 403)


def test_a_page_of_ours_reads_media_and_uploads(server, session):
    media, upload = session
    own = {"Origin": f"http://{server.name}", "Sec_Fetch_Site": "same-origin"}
    cookie = server.ask("/_stcore/health").headers["set-cookie"]
    token = re.search(r"_streamlit_xsrf=([^;]+)", cookie).group(1)
    body = b'--x\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\n%b\r\n--x--\r\n'

    assert server.ask(media, **own).status == 200
    sent = {
        "Content_Type": "multipart/form-data; boundary=x",
        "Cookie": f"_streamlit_xsrf={token}",
        "X_Xsrftoken": token,
    }
    assert server.ask(upload, method="PUT", body=body % PICTURE, **own, **sent).status == 204


@pytest.mark.parametrize(
    ("fetch", "is_taken"),
    [
        ({"Site": "same-origin", "Mode": "cors", "Dest": "empty"}, True),
        ({"Site": "none", "Mode": "navigate", "Dest": "document"}, True),
        ({"Site": "cross-site", "Mode": "navigate", "Dest": "document"}, True),  # a link
        ({"Site": "cross-site", "Mode": "navigate", "Dest": "iframe"}, False),
        ({"Site": "cross-site", "Mode": "no-cors", "Dest": "image"}, False),
        ({"Site": "same-site", "Mode": "no-cors", "Dest": "script"}, False),  # another port
    ],
)
def test_other_pages_may_link_here_but_not_put_us_into_themselves(server, fetch, is_taken):
    headers = {f"Sec_Fetch_{name}": value for name, value in fetch.items()}

    assert (server.ask("/", **headers).status == 200) is is_taken


def test_every_answer_has_the_headers(server, session):
    media, upload = session
    asked = {
        path: server.ask(path)
        for path in ("/", "/runs", media, "/_stcore/host-config", "/favicon.png", "/none/x.js")
    }
    asked["upload"] = server.ask(upload, method="PUT", body=b"x")
    asked["refused"] = server.ask("/", host="evil.example")
    asked["path"] = server.ask("/media/..%2f..%2fetc%2fpasswd")
    script = re.search(rb'src="\.(/static/js/[^"]+)"', asked["/"].body).group(1).decode()
    asked["script"] = server.ask(script)

    assert asked["script"].status == asked[media].status == 200
    for what, answer in asked.items():
        assert answer.headers["x-content-type-options"] == "nosniff", what
        assert answer.headers["x-frame-options"] == "DENY", what
        assert answer.headers["referrer-policy"] == "no-referrer", what
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy, what
        assert "frame-ancestors 'none'" in policy, what
        scripts = next(part for part in policy.split("; ") if part.startswith("script-src"))
        assert "unsafe" not in scripts, what
        assert "*" not in policy, what


def test_nobody_may_hold_the_page_in_a_frame_and_metrics_are_closed(server):
    assert json.loads(server.ask("/_stcore/host-config").body)["allowedOrigins"] == []
    for path in ("/_stcore/metrics", "/_stcore/metrics/", "/_stcore/metrics?families=x"):
        assert server.ask(path).status == 403, path


def test_the_names_are_loopback_and_the_address_or_what_the_user_lists(monkeypatch):
    options = {"server.allowedHosts": [], "server.address": "127.0.0.1"}
    monkeypatch.setattr(doors.config, "get_option", options.get)

    assert doors.own_hosts() == {"127.0.0.1", "localhost", "::1"}
    for address, added in (("10.0.0.7", {"10.0.0.7"}), ("0.0.0.0", set()), ("::", set())):
        options["server.address"] = address
        assert doors.own_hosts() == {"127.0.0.1", "localhost", "::1"} | added
    options["server.allowedHosts"] = ["Usable.Example. ", "*.lab.example"]
    assert doors.own_hosts() == {"usable.example", "*.lab.example"}


@pytest.mark.parametrize(
    ("host", "is_own"),
    [
        ("usable.example", True),
        ("USABLE.example:8501", True),
        ("a.lab.example", True),
        ("a.b.lab.example:443", True),
        ("lab.example", False),
        ("evil-lab.example", False),
        ("127.0.0.1", False),
        ("usable.example/x", False),
        ("usable.example#x", False),
        ("usable.example?x", False),
        ("usable.example:", False),
        ("usable.example#", False),
        ("usable..example", False),
        ("[usable.example", False),
        (" ", False),
    ],
)
def test_a_star_stands_for_names_below_and_a_list_replaces_loopback(host, is_own):
    own = frozenset({"usable.example", "*.lab.example"})

    assert doors.is_own_host(host, own) is is_own


def test_origins_are_compared_with_the_host_under_a_proxy_too():
    assert doors.is_same_origin("https://usable.example", "usable.example")
    assert doors.is_same_origin("https://usable.example:443", "usable.example")
    assert doors.is_same_origin("http://usable.example", "usable.example:80")
    assert not doors.is_same_origin("https://usable.example", "usable.example:8501")
    assert not doors.is_same_origin("https://usable.example:80", "usable.example")
    assert not doors.is_same_origin("", "usable.example")


def test_the_settings_close_what_streamlit_leaves_open():
    settings = (ROOT / "dashboard" / ".streamlit" / "config.toml").read_text(encoding="utf-8")

    assert 'address = "127.0.0.1"' in settings
    assert "allowedOrigins = []" in settings
