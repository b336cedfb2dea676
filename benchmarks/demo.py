"""Seconds of the whole demo in a fresh store, and the verdict that it ends with.

    python -m benchmarks.demo

The aim is 120 s on two cores.
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
    argparse.ArgumentParser(description=__doc__).parse_args()
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "USABLE_HOME": home}
        usable = [sys.executable, "-m", "usable_core.cli"]
        began = time.perf_counter()
        command = [*usable, "demo", "--json", "-"]
        told = subprocess.run(command, env=environment, check=False, capture_output=True)
        seconds = time.perf_counter() - began
    print(f"{seconds:.0f} s. {json.loads(told.stdout)['sentence']}")


if __name__ == "__main__":
    main()
