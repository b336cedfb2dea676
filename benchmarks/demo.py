"""Seconds of the whole tour in a fresh store, and the test accuracies that it ends with.

    python -m benchmarks.demo

The aims are 180 s on two cores and 97 % on the digits' test split.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time


def main() -> None:
    """Run `usable demo` as a user would and print what came out."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=3)
    epochs = str(parser.parse_args().epochs)
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "USABLE_HOME": home}
        usable = [sys.executable, "-m", "usable_core.cli"]
        began = time.perf_counter()
        subprocess.run(
            [*usable, "demo", "--epochs", epochs], env=environment, check=True, capture_output=True
        )
        seconds = time.perf_counter() - began
        command = [*usable, "runs", "list", "--json", "-"]
        listed = subprocess.run(command, env=environment, check=True, capture_output=True)
    print(f"{seconds:.0f} s\n\n| run | accuracy |\n|---|---:|")
    for run in json.loads(listed.stdout)["runs"]:
        if run["task"] == "accuracy":
            right = run["summary"]["accuracy"]
            interval = f"[{right['low']:.1%}, {right['high']:.1%}]"
            print(f"| {run['title']} | {right['value']:.1%} {interval}, n = {right['n']} |")


if __name__ == "__main__":
    main()
