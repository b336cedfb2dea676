"""Records the answers of today's version: `python tests/regression/recording.py`.

Twice, in two processes: an answer that differs from itself is refused.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
FILE = HERE / "answers.json"
CIFAR = HERE.parents[2] / "shared" / "data" / "cifar10" / "dev.parquet"
# shap's loops without its compiler, which takes longer than all of their work here.
ALONE = {"OMP_NUM_THREADS": "1", "NUMBA_DISABLE_JIT": "1", "HF_HUB_OFFLINE": "1"}


def answered(folder, *, slow):
    """Return the answers of this checkout's code, the kind of machine, and what each took."""
    target = folder / "answers.json"
    options = ["--cifar", str(CIFAR)] if CIFAR.is_file() else []
    options += ["--slow"] if slow else []
    root = str(HERE.parents[1])
    environment = {**os.environ, **ALONE, "PYTHONPATH": root, "PYTHONHASHSEED": "0"}
    command = [sys.executable, str(HERE / "answering.py"), str(target), *options]
    done = subprocess.run(command, env=environment, capture_output=True, check=False, text=True)
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    return json.loads(target.read_text(encoding="utf-8")) | {"times": done.stderr}


def main():
    """Write the regression file."""
    if not CIFAR.is_file():
        raise SystemExit(f"The questions about photographs need {CIFAR}.")
    with tempfile.TemporaryDirectory() as folder:
        first, second = (answered(Path(folder), slow=True) for _ in range(2))
    again = second["answers"]
    differing = [name for name, found in first["answers"].items() if found != again[name]]
    failed = {n: found["error"] for n, found in first["answers"].items() if "error" in found}
    if differing or failed:
        raise SystemExit(f"Not recorded. Not the same twice: {differing}. Failed: {failed}.")
    sys.stdout.write(first["times"])
    FILE.write_text(written(first["kind"], first["answers"]), encoding="utf-8")


def written(kind, found):
    """Return the file's text, one figure a line."""
    questions = []
    for name, figures in found.items():
        lines = [f"  {json.dumps(k)}: {json.dumps(v)}" for k, v in figures.items()]
        questions.append(f" {json.dumps(name)}: {{\n" + ",\n".join(lines) + "\n }")
    return f'{{"kind": {json.dumps(kind)}, "answers": {{\n' + ",\n".join(questions) + "\n}}\n"


if __name__ == "__main__":
    main()
