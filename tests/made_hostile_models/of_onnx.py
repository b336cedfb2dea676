"""Hostile ONNX files: weights of other places, loops, giants, graphs of something else."""

from collections.abc import Callable
from pathlib import Path

import made_onnx
import numpy as np

from made_hostile_models.case import SECRET, Asked, Case

CASES: list[Case] = []
FLOAT, INT64, STRING, BOOL = 1, 7, 8, 9  # kinds of numbers, as ONNX numbers them


def file(name: str, says: str, make: Callable[[Path], object], **given: object) -> None:
    """Add the case of a graph, or of bytes, that a function makes in a folder."""

    def write(folder: Path) -> Asked:
        path = folder / "photos.onnx"
        made = make(folder)
        path.write_bytes(made if isinstance(made, bytes) else made.SerializeToString())
        return Asked(f"onnx/{path}", given=given)

    CASES.append(Case(name, "onnx", says, write))


def graph(name: str, says: str, **said: object) -> None:
    """Add the case of a graph by hand; its nodes come from a function."""

    def make(_: Path) -> object:
        return made_onnx.graph(**{k: v() if callable(v) else v for k, v in said.items()})

    file(name, says, make)


def node(*arguments: object, **attributes: object) -> object:
    """Return a step of a graph."""
    import onnx

    return onnx.helper.make_node(*arguments, **attributes)


def tensor(name: str, kind: int, values: list[object], dims: list[int] | None = None) -> object:
    """Return a tensor with values."""
    import onnx

    return onnx.helper.make_tensor(name, kind, [len(values)] if dims is None else dims, values)


def means() -> object:
    """Return the step from pictures to the means of their channels."""
    return node("ReduceMean", ["pictures", "axes"], ["means"], keepdims=0)


def outside(where: str, *, inner: bool = False, **entries: str) -> Callable[[Path], object]:
    """Return what makes a graph with weights in another file."""

    def make(folder: Path) -> object:
        import onnx

        for other in ("secret", "other.bin", "photos.onnx.data"):
            (folder / other).write_bytes(SECRET.encode() * 10)
        (folder.parent / "secret").write_bytes(SECRET.encode() * 10)
        held = onnx.numpy_helper.from_array(np.float32([1, 2, 3]), "held")
        onnx.external_data_helper.set_external_data(held, where)
        for key, value in entries.items():
            held.external_data.add(key=key, value=value)
        held.ClearField("raw_data")
        before = [node("Constant", [], ["own"], value=held)] if inner else []
        steps = [*before, means(), node("Add", ["means", "own" if inner else "held"], ["answers"])]
        return made_onnx.graph(nodes=steps, known=[] if inner else [held])

    return make


ELSEWHERE = "names weights in"
file("weights above", ELSEWHERE, outside("../secret"))
file("weights anywhere", ELSEWHERE, outside("/etc/passwd"))
file("weights beside under another name", ELSEWHERE, outside("other.bin"))
file("weights in itself", ELSEWHERE, outside("photos.onnx"))
file("weights nowhere", ELSEWHERE, outside(""))
file("a constant beside under another name", ELSEWHERE, outside("other.bin", inner=True))
file("weights of 10^15 bytes", "photos.onnx", outside("photos.onnx.data", length=str(10**15)))
file("weights before the file", "photos.onnx", outside("photos.onnx.data", offset="-100"))
file("weights in words", "photos.onnx", outside("photos.onnx.data", offset="many"))


def _linked(folder: Path) -> object:
    made = outside("photos.onnx.data")(folder)
    (folder / "photos.onnx.data").unlink()
    (folder / "photos.onnx.data").symlink_to("/etc/passwd")
    return made


file("weights through a link", "photos.onnx", _linked)


def grown(kind: str, name: str, values: list[object], numbers: int = INT64) -> None:
    """Add the case of a step that makes a small tensor a giant."""

    def steps() -> list[object]:
        takes = ["pictures", *(["", "sides"] if kind == "Resize" else ["sides"])]
        takes = ["sides"] if kind == "ConstantOfShape" else takes
        return [
            node(kind, takes, ["giant"]),
            means(),
            node("ReduceSum", ["giant"], ["sum"], keepdims=0),
            node("Add", ["means", "sum"], ["answers"]),
        ]

    graph(name, "GB are given", nodes=steps, known=lambda: [tensor("sides", numbers, values)])


grown("ConstantOfShape", "2^40 zeros", [2**40])
grown("ConstantOfShape", "4 GB of zeros", [2**30])
grown("Tile", "a million copies", [1, 1, 1000, 1000])
grown("Resize", "a picture of 10^10 pixels", [1.0, 1.0, 1e4, 1e4], FLOAT)


def _loop() -> list[object]:
    import onnx

    value = onnx.helper.make_tensor_value_info
    inside = [node("Identity", ["go"], ["on"]), node("Identity", ["was"], ["is"])]
    takes = [value("i", INT64, []), value("go", BOOL, []), value("was", FLOAT, None)]
    gives = [value("on", BOOL, []), value("is", FLOAT, None)]
    body = onnx.helper.make_graph(inside, "body", takes, gives)
    return [means(), node("Loop", ["most", "true", "means"], ["answers"], body=body)]


def _known() -> list[object]:
    return [tensor("most", INT64, [2**62], []), tensor("true", BOOL, [True], [])]


graph("a loop without an end", "a loop without an end", nodes=_loop, known=_known)


def _nested(_: Path) -> bytes:
    def part(number: int, content: bytes) -> bytes:
        size, said = len(content), b""
        while size > 127:
            said, size = said + bytes([size % 128 + 128]), size // 128
        return bytes([number * 8 + 2]) + said + bytes([size]) + content

    graph_, node_, attribute, inner = 7, 1, 5, 6  # numbers of protobuf's fields
    content = b""
    for _k in range(5000):
        content = part(node_, part(attribute, part(inner, content)))
    return b"\x08\x09" + part(graph_, content)


file("graphs 5,000 deep", "cannot be read", _nested)


def _functions(*calls: tuple[str, str]) -> Callable[[], list[object]]:
    def make() -> list[object]:
        import onnx

        versions = [onnx.helper.make_opsetid("", 18), onnx.helper.make_opsetid("own", 1)]
        return [
            onnx.helper.make_function(
                "own", name, ["a"], ["b"], [node(called, ["a"], ["b"], domain="own")], versions
            )
            for name, called in calls
        ]

    return make


def _calls() -> list[object]:
    return [means(), node("F", ["means"], ["answers"], domain="own")]


RUN = "is not run on pictures|cannot be read"
graph("a function of itself", RUN, nodes=_calls, functions=_functions(("F", "F")))
graph("two functions", RUN, nodes=_calls, functions=_functions(("F", "G"), ("G", "F")))


def step(name: str, kind: str, takes: list[str], **said: object) -> None:
    """Add the case of one step from pictures to answers."""
    graph(name, RUN, nodes=lambda: [node(kind, takes, ["answers"], **said)])


step("a step of somebody's", "Own", ["pictures"], domain="com.example")
step("a step of Python's", "PyOp", ["pictures"], domain="ai.onnx.contrib", code="import os")
step("a circle", "Add", ["answers", "pictures"])
step("a name of nothing", "Add", ["nothing", "pictures"])
step("a step without an answer", "Identity", [])


def answers(name: str, kind: str, gives: int, **said: object) -> None:
    """Add the case of answers that are no logits."""
    steps = [lambda: means(), lambda: node(kind, ["means"], ["answers"], **said)]
    graph(name, "must return logits", nodes=lambda: [make() for make in steps], gives=gives)


answers("words for answers", "Cast", STRING, to=STRING)
answers("numbers of classes for answers", "ArgMax", INT64, axis=1, keepdims=0)
graph("pictures", "a map", nodes=lambda: [node("Identity", ["pictures"], ["answers"])])
graph(
    "answers that are no numbers",
    "NaN",
    nodes=lambda: [means(), node("Add", ["means", "nan"], ["answers"])],
    known=lambda: [tensor("nan", FLOAT, [float("nan")])],
)
TAKES = "must take one batch of pictures"
for channels in (2, 4, 5):
    graph(f"{channels} channels", TAKES, shape=("n", channels, 8, 8))
graph("integers", TAKES, kind=INT64)
graph("words", TAKES, kind=STRING)
graph("no pictures", TAKES, shape=("n", 9))
graph("sides of nothing", TAKES, shape=("n", 3, 0, 0))
graph("sides of a million pixels", TAKES, shape=("n", 3, 10**6, 10**6))
graph("negative sides", TAKES, shape=("n", 3, -8, -8))
graph("two inputs", TAKES, inputs=2)
graph("a billion pictures at once", "at once", shape=(10**9, 3, 8, 8))
graph("no pictures at once", "at once", shape=(0, 3, 8, 8))


def _version(_: Path) -> object:
    made = made_onnx.graph()
    made.ir_version, made.opset_import[0].version = 10**9, 10**9
    return made


def _short(_: Path) -> object:
    import onnx

    held = onnx.TensorProto(name="held", data_type=FLOAT, dims=[2**40], raw_data=b"abcd")
    steps = [means(), node("Add", ["means", "held"], ["answers"])]
    return made_onnx.graph(known=[held], nodes=steps)


file("another's version", RUN, _version)
file("weights that are cut off", f"{RUN}|GB are given", _short)
file("a file that is cut off", RUN, lambda _: made_onnx.graph().SerializeToString()[:-40])
for name, content in (
    ("a text", SECRET.encode()),
    ("nothing", b""),
    ("a picture", b"\x89PNG\r\n\x1a\n" + bytes(100)),
    ("a zip", b"PK\x03\x04" + bytes(100)),
    ("a pickle", b"\x80\x02cposix\nsystem\nX\x04\x00\x00\x00true\x85R."),
    ("zeros", bytes(10_000)),
):
    file(f"{name} as .onnx", "cannot be read as|holds no graph", lambda _, c=content: c)
