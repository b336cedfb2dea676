"""A download that is stopped ends, leaves nothing half behind, and can be begun again."""

import contextlib
import http.server
import os
import subprocess
import sys
import threading

import pytest
from huggingface_hub import constants

import usable_core as usable
from usable_core import downloads
from usable_core.errors import Cancelled, CheckpointError
from usable_core.evaluations.passports import Download

COMMIT = "a" * 40
CONTENT = bytes(range(256)) * 4096


@pytest.fixture
def host(monkeypatch):
    """A host, as a plain one and as the hub, that stalls in the middle of a file while `slow`."""

    class Handler(http.server.BaseHTTPRequestHandler):
        slow = threading.Event()
        go_on = threading.Event()

        asked = 0

        def do_HEAD(self):
            self._head()

        def do_GET(self):
            self._head()
            self.wfile.write(CONTENT[: len(CONTENT) // 2])
            self.wfile.flush()
            if self.slow.is_set():
                self.go_on.wait(60)
            self.wfile.write(CONTENT[len(CONTENT) // 2 :])

        def _head(self):
            Handler.asked += 1
            self.send_response(200)
            self.send_header("Content-Length", str(len(CONTENT)))
            self.send_header("ETag", '"0123456789"')
            self.send_header("X-Repo-Commit", COMMIT)
            self.end_headers()

        def log_message(self, *_):
            pass

        def handle(self):
            with contextlib.suppress(OSError):  # nobody reads it any more
                super().handle()

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    Handler.url = f"http://127.0.0.1:{server.server_port}"
    Handler.slow.set()
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setenv("HF_ENDPOINT", Handler.url)
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    yield Handler
    Handler.go_on.set()
    server.shutdown()


@pytest.fixture(params=["plain", "hub"])
def download(request, host, tmp_path, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    if request.param == "hub":
        page = f"{host.url}/some/one"
        names = ("model.safetensors",)
        return Download(page, len(CONTENT), repository="some/one", names=names)
    return Download(f"{host.url}/w.pth", path=str(tmp_path / "torch" / "w.pth"))


def weights(folder):
    """Files that hold the weights."""
    held = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    return [path for path in held if path.stat().st_size > 1000]


def halves(folder):
    """Files of weights that are not whole."""
    return [path for end in ("partial", "incomplete") for path in folder.rglob(f"*.{end}")]


def test_a_stopped_download_leaves_nothing_and_can_be_begun_again(host, download, tmp_path):

    def stop(done, total, message):
        if halves(tmp_path):
            raise Cancelled

    with pytest.raises(Cancelled):
        downloads.fetch(download, "x/ours", stop)

    assert weights(tmp_path) == halves(tmp_path) == []
    assert not download.is_here

    host.slow.clear()
    told = []
    downloads.fetch(download, "x/ours", lambda done, total, message: told.append((done, total)))

    assert download.is_here
    assert [path.read_bytes() for path in weights(tmp_path)] == [CONTENT]
    assert told[-1] == (len(CONTENT), len(CONTENT))


def test_a_download_ends_with_whoever_asked_for_it(host, download, tmp_path):
    script = (
        "import sys; from usable_core import downloads; "
        "from usable_core.evaluations.passports import Download; "
        "said = lambda done, *_: print(done, flush=True); "
        f"downloads.fetch({download!r}, 'x/ours', said)"
    )
    environment = {**os.environ, "HF_HUB_CACHE": str(tmp_path / "hub")}
    asker = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, env=environment
    )
    assert any(halves(tmp_path) for _ in asker.stdout)

    asker.kill()
    asker.wait()

    for _ in range(200):
        if not halves(tmp_path):
            break
        threading.Event().wait(0.05)
    assert weights(tmp_path) == halves(tmp_path) == []


def test_two_downloads_of_one_file_do_not_write_into_each_other(host, download, tmp_path):
    """One is stopped while another one of the same file goes on: that one comes whole."""
    both = 5 if download.repository else 4  # times that a host is asked until both are at it
    other = threading.Event()

    def stop(done, total, message):
        if other.is_set():
            raise Cancelled

    stopped = threading.Thread(target=_ended, args=(download, stop))
    stopped.start()

    def second(done, total, message):
        if not other.is_set() and host.asked >= both and halves(tmp_path):
            other.set()
            stopped.join()
            host.go_on.set()

    downloads.fetch(download, "x/ours", second)

    assert [path.read_bytes() for path in weights(tmp_path)] == [CONTENT]


def _ended(download, report):
    with pytest.raises(Cancelled):
        downloads.fetch(download, "x/ours", report)


@pytest.fixture
def unasked(monkeypatch):
    flag = threading.Event()
    monkeypatch.setattr(downloads, "_here_only", flag)
    downloads.take_only_what_is_here()


@pytest.mark.parametrize("reference", ["torchvision/squeezenet1_1", "timm/test_vit"])
def test_a_process_that_nobody_watches_fetches_nothing(reference, unasked, monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(downloads, "unreachable", lambda _: pytest.fail("a host was asked"))

    with pytest.raises(CheckpointError, match=f"usable models show {reference} --download"):
        usable.load_model(reference)


def test_jobs_and_the_lane_fetch_nothing_unasked():
    script = (
        "import sys; from usable_core import downloads; from usable_core.jobs import __main__ as m;"
        "m.serve = lambda **_: print(downloads._here_only.is_set());"
        "sys.argv[1:] = ['interactive']; m.main()"
    )
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["True"]
