"""Asks every question in a process of its own, so that nothing else that ran leaves its traces.

    python tests/regression/answering.py ANSWERS.json [--cifar FILE.parquet] [--slow]

Only what stays is used: the command line, its JSON, and records and maps in the run's folder. One
thread on the processor, and a clock that ticks once per look, so that whatever is chosen by its
speed, such as the size of a batch, is chosen alike each time.
"""

import argparse
import contextlib
import io
import itertools
import json
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image
from questions import SLOW, questions
from sklearn.datasets import load_digits

# What the bundled backbones see in each digit most often, so that some are right and some are not.
LOOKS_LIKE = ("truck", "cat", "cat", "cat", "truck", "truck", "cat", "truck", "cat", "cat")
TICK = 0.001  # seconds
# No figures: texts that hold figures, names that a run makes up, facts of the catalog.
LEFT_OUT = {"id", "sentence", "warnings", "reason", "title", "group", "dataset", "model", "models"}
LEFT_OUT |= {
    "run",
    "runs",
    "answered_by",
    "reference",
    "image",
    "picture",
    "height",
    "width",
    "data",
}
LEFT_OUT |= {"corruption", "fractions", "attacks", "epsilons", "epsilon", "norm", "preset", "split"}


def main():
    """Write the answers to every question; without a file of CIFAR-10, to the others."""
    parser = argparse.ArgumentParser()
    parser.add_argument("target", type=Path)
    parser.add_argument("--cifar")
    parser.add_argument("--slow", action="store_true", help="Ask the slow questions, too.")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        os.environ |= {"USABLE_HOME": home, "USABLE_DEVICE": "cpu"}
        os.environ.pop("USABLE_DATABASE_URL", None)
        places = {**_digits(Path(home)), "maps": f"{home}/maps", "cifar": options.cifar}
        left_out = set() if options.slow else SLOW
        answers = {
            name: _answer(name, words, places)
            for name, words in questions().items()
            if name not in left_out and (options.cifar or "{cifar}" not in words)
        }
    found = {"kind": _kind(), "answers": answers}
    options.target.write_text(json.dumps(found), encoding="utf-8")


def _kind():
    """Return what the last digits of a float depend on."""
    import torch

    file = Path("/proc/cpuinfo")
    lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
    facts = dict(line.split("\t: ") for line in reversed(lines) if "\t: " in line)
    facts = {name.strip(): value for name, value in facts.items()}
    names = ("vendor_id", "cpu family", "model")
    return {
        "processor": " ".join(facts.get(name, "unknown") for name in names),
        "capability": torch.backends.cpu.get_cpu_capability(),
        "torch": ".".join(torch.__version__.split(".")[:2]),
    }


def _digits(folder):
    """Write scikit-learn's digits under names of CIFAR-10; return the files' paths.

    As BMP: an example's bytes are its identity, and those of a PNG depend on a library's version.
    """
    data, rows = load_digits(), []
    for grey, digit in zip(data.images[:300], data.target[:300], strict=True):
        buffer = io.BytesIO()
        picture = Image.fromarray(np.round(grey * (255 / 16)).astype(np.uint8)).convert("RGB")
        picture.save(buffer, "BMP")
        rows.append({"image": {"bytes": buffer.getvalue()}, "label": LOOKS_LIKE[digit]})
    pd.DataFrame(rows).to_parquet(folder / "digits.parquet")
    (folder / "digit.bmp").write_bytes(rows[3]["image"]["bytes"])
    return {"digits": str(folder / "digits.parquet"), "digit": str(folder / "digit.bmp")}


def _answer(name, words, places):
    """Return the figures of one answer, and note its run in `places`."""
    from usable_core import cli

    home = Path(os.environ["USABLE_HOME"])
    file = home / "answer.json"
    file.unlink(missing_ok=True)
    said, began = io.StringIO(), time.thread_time()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(said):
        status = cli.main([*(w.format_map(places) for w in words), "--json", str(file)])
    sys.stderr.write(f"{time.thread_time() - began:6.2f} s  {name}\n")
    if status != 0:
        return {"error": said.getvalue().strip()}
    data = json.loads(file.read_text(encoding="utf-8"))
    found = _figures(data)
    if isinstance(data.get("run"), str):
        places[name] = data["run"]
        found |= _of_run(home / "runs" / data["run"])
    return found


def _figures(value, name=""):
    """Return what is measured in a JSON value, by place; of a list of objects, each as a list."""
    if isinstance(value, str) and value.endswith(".npy"):
        value = _coarse(np.load(value))
    if isinstance(value, dict):
        parts = [_figures(v, f"{name}.{k}".strip(".")) for k, v in value.items() if _counts(k)]
        return {k: v for part in parts for k, v in part.items()}
    if isinstance(value, list) and any(isinstance(part, dict) for part in value):
        parts = [_figures(part) for part in value]
        keys = dict.fromkeys(key for part in parts for key in part)
        return {f"{name}[].{key}": [part.get(key) for part in parts] for key in keys}
    return {name: _rounded(value)}


def _counts(name):
    return name not in LEFT_OUT and "seconds" not in name


def _of_run(folder):
    """Return the columns of a run's records, its maps, and its pictures of attacked examples."""
    found = {}
    if (folder / "records.parquet").is_file():
        records = pd.read_parquet(folder / "records.parquet")
        columns = {c: records[c].tolist() for c in records.columns if _counts(c)}
        found |= {f"records.{name}": _rounded(cells) for name, cells in columns.items()}
    if (folder / "maps.npz").is_file():
        with np.load(folder / "maps.npz") as maps:
            found |= {f"maps.{k}": _rounded(_coarse(maps[k])) for k in sorted(maps.files)}
    for path in sorted((folder / "gallery").glob("*.png")):
        grey = np.array(Image.open(path)).mean(2) / 255
        found[f"gallery.{path.stem}"] = _rounded(_coarse(grey))
    return found


def _rounded(value):
    """Return a value with nine digits of each float, which are all that a float32 has."""
    if isinstance(value, list | np.ndarray):
        return [_rounded(part) for part in value]
    if isinstance(value, float):
        return None if np.isnan(value) else float(f"{value:.9g}")
    return value


def _coarse(values):
    """Return a map (H, W) as the means of 3 x 3 blocks."""
    bands = np.array_split(np.float64(values), 3)
    return [float(part.mean()) for band in bands for part in np.array_split(band, 3, axis=1)]


if __name__ == "__main__":
    ticks = itertools.count()
    time.perf_counter = time.process_time = lambda: TICK * next(ticks)
    main()
