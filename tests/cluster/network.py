"""Hosts of a cluster on this machine, in a network that holds nothing but loopback.

Ray listens on every address that a machine has and knows its processes by the machine; in a
namespace of networks and one of processes it reaches nobody, and all of it ends with the namespace.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
PORT = 6379
ADDRESS = f"127.0.0.1:{PORT}"
PATIENT = {  # a busy machine is no dead one; a stopped node is given up after half a minute
    "RAY_raylet_start_wait_time_s": "180",
    "RAY_health_check_period_ms": "3000",
    "RAY_health_check_timeout_ms": "5000",
    "RAY_health_check_failure_threshold": "4",
    "RAY_worker_niceness": "0",  # else 15: they would hardly come to work
    "RAY_USAGE_STATS_ENABLED": "0",
}
AGENTS = {  # option of a port, and the file by which its process says that it listens
    "metrics-export": "metrics_export_port",
    "dashboard-agent-grpc": "metrics_agent_port",
    "dashboard-agent-listen": "dashboard_agent_listen_port",
    "runtime-env-agent": "runtime_env_agent_port",
}
SPAN = 600.0  # seconds that anything may take on a busy machine


def is_possible():
    """Tell whether this machine lets us have namespaces, and Ray is installed."""
    made = ["unshare", "-n", "-p", "-u", "-f", "--mount-proc", "true"]
    has_tools = all(map(shutil.which, ("unshare", "nsenter", "ip")))
    has_ray = Path(sys.executable).with_name("ray").exists()
    return has_tools and has_ray and subprocess.run(made, capture_output=True).returncode == 0


class Network:
    """A namespace, and the processes in it."""

    def __init__(self):
        made = ["unshare", "-n", "-p", "-f", "--mount-proc", "--kill-child"]
        self._keeper = subprocess.Popen(
            [*made, "sh", "-c", "ip link set lo up; echo up; exec sleep infinity"],
            stdout=subprocess.PIPE,
        )
        assert self._keeper.stdout.readline() == b"up\n"
        children = Path(f"/proc/{self._keeper.pid}/task/{self._keeper.pid}/children")
        self._inside = int(children.read_text().split()[0])
        self.folder = tempfile.mkdtemp(prefix="r", dir="/tmp")  # Ray's sockets have short names
        self.nodes, self._added = {}, 0

    def start(self, command, host="driver", environment=None, **streams):
        """Start a process on a host of a name."""
        enter = ["nsenter", "-t", str(self._inside), "-n", "-p", "-m", "unshare", "-u", "sh", "-c"]
        own = {"OMP_NUM_THREADS": "1", "PYTHONPATH": f"{ROOT}:{ROOT / 'tests' / 'cluster'}"}
        given = {**PATIENT, **own, **(environment or {})}
        return subprocess.Popen(
            [*enter, f'hostname {host}; exec "$@"', "sh", *map(str, command)],
            env={**os.environ, **given},
            cwd=self.folder,
            **streams,
        )

    def add(self, host, cpus=1, environment=None):
        """Start a node, the first of which is the head, and wait until it is there."""
        ray = [Path(sys.executable).with_name("ray"), "start", "--block", "--num-cpus", cpus]
        ray += ["--object-store-memory", 10**8, "--disable-usage-stats", "--node-name", host]
        ray += ["--include-log-monitor", "false"]
        ports = dict(zip(AGENTS, range(7000 + 10 * self._added, 8000), strict=False))
        ray += [word for name, port in ports.items() for word in (f"--{name}-port", port)]
        head = ["--head", "--port", PORT, "--include-dashboard", "false", "--no-monitor"]
        own = [*head, "--temp-dir", self.folder] if not self.nodes else ["--address", ADDRESS]
        told = Path(self.folder, f"{host}.txt")
        self._added += 1
        before, known = set(self._raylets()), set(self._identities())
        with told.open("w") as out:
            self.start([*ray, *own], host, environment, stdout=out, stderr=out)
        wait_until(lambda: set(self._identities()) - known, told)
        (identity,) = set(self._identities()) - known
        for name, port in ports.items():  # Ray waits 15 s for these files, then its node fails
            Path(self.folder, "session_latest", f"{AGENTS[name]}_{identity}").write_text(str(port))
        wait_until(lambda: "Ray runtime started" in told.read_text(), told)
        wait_until(lambda: set(self._raylets()) - before)
        (self.nodes[host],) = set(self._raylets()) - before

    def kill(self, host, number=signal.SIGKILL):
        """Send a signal to a node: what hands out its work, and its workers."""
        raylet = self.nodes[host]
        for pid in [raylet, *children_of(raylet)]:
            os.kill(pid, number)

    def workers(self, host):
        """Return the processes that measure on a node now."""
        return [p for p in children_of(self.nodes[host]) if "ray::at_node" in command_of(p)]

    def end(self):
        """End everything."""
        self._keeper.kill()
        self._keeper.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _identities(self):
        """Yield what Ray calls the nodes that were ever started."""
        for log in Path(self.folder).glob("session_latest/logs/raylet*.out"):
            yield from re.findall(r"Initializing NodeManager node_id=(\w+)", log.read_text())

    def _raylets(self):
        own = Path(f"/proc/{self._inside}/ns/pid").readlink()
        for path in Path("/proc").glob("[0-9]*"):
            try:
                is_raylet = command_of(int(path.name)).partition(" ")[0].endswith("/raylet")
                if is_raylet and (path / "ns" / "pid").readlink() == own:
                    yield int(path.name)
            except OSError:
                continue


def command_of(pid):
    """Return the words of a process; none where it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def children_of(pid):
    """Return the processes that a process has started."""
    try:
        return [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def wait_until(holds, told=None):
    """Wait until something holds."""
    began = time.monotonic()
    while not holds():
        assert time.monotonic() - began < SPAN, told.read_text() if told else "it never came"
        time.sleep(0.05)
