"""Hostile files of Keras: configurations that name code, archives and HDF5 that point out."""

import io
import json
import tempfile
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import made_weights

from made_hostile_models.case import PYTHON, SECRET, Asked, Case

CASES: list[Case] = []
WEIGHTS = "model.weights.h5"
Config = dict


@cache
def good(ending: str = ".keras", *, is_code: bool = False, channels: int = 3) -> bytes:
    """Return a small classifier's file, made once; with a lambda of code in it perhaps."""
    from usable_core.models.sources.keras_network import keras_of_torch

    keras = keras_of_torch()
    layers = keras.layers
    code = [layers.Lambda(eval(f"lambda x: ({PYTHON}, x)[1]"))] if is_code else []
    inner = keras.Sequential([keras.Input((8, 8, channels)), layers.Conv2D(4, 3)], name="inner")
    ends = [layers.GlobalAveragePooling2D(), layers.Dense(3, activation="softmax")]
    model = keras.Sequential([keras.Input((8, 8, channels)), inner, *code, *ends])
    path = Path(tempfile.mkdtemp()) / f"a{ending}"
    model.save(path)
    return path.read_bytes()


def add(name: str, says: str, content: Callable[[], bytes], ending: str = ".keras") -> None:
    """Add the case of a file."""

    def make(folder: Path) -> Asked:
        path = folder / f"photos{ending}"
        path.write_bytes(content())
        return Asked(f"keras/{path}")

    CASES.append(Case(name, "keras", says, make))


def zipped(**parts: bytes) -> bytes:
    """Return a good file with other parts, by the first word of their names."""
    own = made_weights.members_of(good())
    names = {name.partition(".")[0]: name for name in own}
    return made_weights.zipped(own | {names[key]: data for key, data in parts.items()})


def config(name: str, says: str, change: Callable[[Config], object]) -> None:
    """Add the case of another configuration, in both forms of files."""

    def in_zip() -> bytes:
        said = json.loads(made_weights.members_of(good())["config.json"])
        change(said)
        return zipped(config=json.dumps(said).encode())

    def in_h5() -> bytes:
        def put(held: object) -> None:
            said = json.loads(held.attrs["model_config"])
            change(said)
            held.attrs["model_config"] = json.dumps(said)

        return h5(put, good(".h5"))

    add(name, says, in_zip)
    add(f"{name} in an .h5", says, in_h5, ".h5")


def h5(change: Callable[[object], object], data: bytes) -> bytes:
    """Return an HDF5 file that is changed."""
    import h5py

    buffer = io.BytesIO(data)
    with h5py.File(buffer, "r+") as held:
        change(held)
    return buffer.getvalue()


def weights(
    name: str, says: str, change: Callable[[object], object], *, is_alone: bool = False
) -> None:
    """Add the case of other weights in a `.keras`, and perhaps as weights of an architecture."""

    def changed() -> bytes:
        return h5(change, made_weights.members_of(good())[WEIGHTS])

    add(name, says, lambda: zipped(model=changed()))

    def make(folder: Path) -> Asked:
        path = folder / "photos.weights.h5"
        path.write_bytes(changed())
        return Asked("keras/MobileNetV2", path.name, {"weights": path})

    CASES.extend([] if is_alone else [Case(f"{name}, of an architecture", "keras", says, make)])


def layer(said: Config, at: int = -1) -> Config:
    """Return a layer's part of a configuration."""
    return said["config"]["layers"][at]


def inner(said: Config) -> Config:
    """Return a layer's part within a model in the model."""
    return layer(layer(said, 1))


OPENED = "was not opened"
LOSS = {"loss": {"class_name": "function", "module": "builtins", "config": "exec"}}
for name, change in {
    "the shell": lambda c: layer(c).update(class_name="system", module="os"),
    "a process within": lambda c: inner(c).update(class_name="Popen", module="subprocess"),
    "a download": lambda c: layer(c).update(class_name="get_file", module="keras.utils"),
    "a switch of the guard": lambda c: layer(c).update(
        class_name="enable_unsafe_deserialization", module="keras.config"
    ),
    "another's class": lambda c: layer(c).update(registered_name="Own>Dense"),
    "a lambda by its name": lambda c: layer(c).update(class_name="Lambda", module="keras.layers"),
    "a module of torch": lambda c: inner(c).update(class_name="TorchModuleWrapper"),
    "a saved model": lambda c: layer(c).update(class_name="TFSMLayer", config={"filepath": "/"}),
    "a function of layers": lambda c: layer(c).update(class_name="deserialize"),
    "a list for a class": lambda c: layer(c).update(class_name=["Dense"]),
    "words of a file": lambda c: layer(c).update(
        class_name="IntegerLookup", config={"vocabulary": "/etc/passwd"}
    ),
    "a function": lambda c: layer(c)["config"].update(
        activation={"class_name": "function", "module": "builtins", "config": "eval"}
    ),
    "an initializer of another": lambda c: layer(c)["config"].update(
        kernel_initializer={"class_name": "run", "module": "subprocess", "config": {}}
    ),
}.items():
    config(name, OPENED, change)
config("a loss within a layer", OPENED, lambda c: layer(c)["config"].update(compile_config=LOSS))
config("a giant", "none is as large", lambda c: layer(c)["config"].update(units=10**12))
config("words for units", "cannot be loaded", lambda c: layer(c)["config"].update(units="many"))
config("fewer units", "cannot be loaded", lambda c: layer(c)["config"].update(units=-3))
config("no layers", "cannot be|must take", lambda c: c["config"].update(layers=[]))


def wide(said: Config) -> None:
    """Ask for a million times a million weights."""
    inner(said)["config"]["filters"] = layer(said)["config"]["units"] = 10**6


config("a wide layer", "more than|cannot be loaded", wide)


def sides(name: str, shape: list[int | None], says: str) -> None:
    """Add the case of pictures of another shape."""

    def change(said: Config) -> None:
        for part in (layer(said, 0), layer(layer(said, 1), 0)):
            part["config"]["batch_shape"] = [None, *shape]
        said.get("build_config", {}).update(input_shape=[None, *shape])

    config(name, says, change)


sides("pictures of a million pixels a side", [10**6, 10**6, 3], "4096")
sides("texts", [20], "cannot be|must take")
add("two channels", "3 channels", lambda: good(channels=2))
add("four channels", "3 channels", lambda: good(channels=4))
add("a lambda", OPENED, lambda: good(is_code=True))
add("a lambda in an .h5", OPENED, lambda: good(".h5", is_code=True), ".h5")
for name, says, text in (
    ("10,000 levels", "cannot be read", b"[" * 10_000 + b"]" * 10_000),
    ("a list", "no table", b"[1]"),
    ("no JSON", "cannot be read", b"{"),
    ("nothing of a model", "cannot be loaded", b"{}"),
    ("25 MB of configuration", "more than a model", b" " * 25_000_000),
):
    add(name, says, lambda text=text: zipped(config=text))
add(
    "a number for a configuration",
    "no table",
    lambda: h5(lambda held: held.attrs.create("model_config", 5), good(".h5")),
    ".h5",
)


def _external(held: object) -> None:
    held.create_dataset("more", (4,), "u1", external=[("/etc/passwd", 0, 4)])


def _virtual(held: object) -> None:
    import h5py

    layout = h5py.VirtualLayout((4,), "u1")
    layout[:] = h5py.VirtualSource("/etc/passwd", "x", (4,))
    held.create_virtual_dataset("more", layout)


def _link(held: object) -> None:
    import h5py

    held["more"] = h5py.ExternalLink("/etc/passwd", "/")


def _soft(held: object) -> None:
    import h5py

    held["more"] = h5py.SoftLink("/layers")


def _loop(held: object) -> None:
    one = held.create_group("one")
    one["again"] = one
    _link(held["layers"])  # is looked at afterwards


def _nan(held: object) -> None:
    for layer in held["layers"].values():
        for array in layer.get("vars", {}).values():
            array[...] = float("nan")


def _lacking(held: object) -> None:
    del held["layers/dense"]


def _types(held: object) -> None:
    import numpy as np

    held["more"] = np.dtype("f4")


weights("a link to another file", "points elsewhere", _link)
weights("a link within", "points elsewhere", _soft)
weights("numbers of another file", "in another file", _external)
weights("a view of another file", "in another file", _virtual)
weights("groups in each other", "points elsewhere", _loop)
weights("a type", "no numbers", _types)
weights("numbers that are none", "NaN", _nan, is_alone=True)
weights("a layer without numbers", "cannot be loaded", _lacking, is_alone=True)
weights(
    "10 TB of numbers",
    "more than a model",
    lambda held: held.create_dataset("more", (10**13,), "u1", chunks=(10**6,)),
)


def _members(name: str, data: bytes = b"", *, twice: bool = False) -> bytes:
    """Return a good file with one more member."""
    own = made_weights.members_of(good())
    buffer = io.BytesIO(made_weights.zipped(own))
    with zipfile.ZipFile(buffer, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, own[name] if twice else data)
    return buffer.getvalue()


add("a member above", "which a model's file does not", lambda: _members("../../evil.pth"))
add("a member anywhere", "which a model's file does not", lambda: _members("/tmp/evil.pth"))
add(
    "an asset that is pickled",
    "which a model's file does not",
    lambda: _members("assets/a.pkl", made_weights.saved(made_weights.Calls(exec, PYTHON))),
)
add("a member twice", "twice", lambda: _members("config.json", twice=True))


def _encrypted() -> bytes:
    data = bytearray(zipped())
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = -1
        while (at := data.find(mark, at + 1)) >= 0:
            data[at + offset] |= 1  # says that a password is needed
    return bytes(data)


def _bomb() -> bytes:
    own = made_weights.members_of(good()) | {WEIGHTS: bytes(400_000_000)}
    return made_weights.zipped(own, zipfile.ZIP_DEFLATED)


add("a password", "cannot be read", _encrypted)
add("400 MB of zeros", "packed as no model|cannot be read", _bomb)
for ending in (".keras", ".h5"):
    for name, content in (
        ("nothing", b""),
        ("a text", SECRET.encode()),
        ("half a zip", b"PK\x03\x04 no zip"),
        ("half an HDF5 file", b"\x89HDF\r\n\x1a\n"),
    ):
        add(f"{name} as {ending}", "cannot be read as a Keras model", lambda c=content: c, ending)
add("weights alone", "holds weights alone", lambda: made_weights.members_of(good())[WEIGHTS], ".h5")
