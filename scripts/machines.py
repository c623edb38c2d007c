"""Machines made of network namespaces: each with an address, a host name and a loopback of its own,
all on one bridge. Needs Linux and root; nothing is left when this process ends, because no
namespace has a name."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from .ready import eventually
from .servers import _tied_to_us
from .steps import ROOT

NETWORK = "10.203.0"
ROUTER = f"{NETWORK}.1"  # this process's own address, where the servers are
_INSIDE = "PROFILECENTER_IN_NAMESPACE"


def missing() -> str:
    """Return why there can be no machines here; "" where there can be."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "network namespaces need Linux, and root"
    programs = [name for name in ("ip", "unshare", "nsenter", "setpriv") if not shutil.which(name)]
    if programs:
        return f"not installed: {', '.join(programs)}"
    tried = subprocess.run(["unshare", "--net", "true"], capture_output=True, check=False)  # noqa: S607
    return "network namespaces are not allowed here" if tried.returncode else ""


def enter(module: str, arguments: Sequence[str]) -> None:
    """Continue in a network of our own: runs the module again in it, unless that is where we are.
    Nothing in it is reached from outside, and it reaches nothing outside."""
    if os.environ.get(_INSIDE):
        _run("ip", "link", "set", "lo", "up")
        _run("ip", "link", "add", "machines", "type", "bridge")
        _run("ip", "address", "add", f"{ROUTER}/24", "dev", "machines")
        _run("ip", "link", "set", "machines", "up")
        return
    command = ["unshare", "--net", "--", sys.executable, "-m", module, *arguments]
    os.execvpe(command[0], command, os.environ | {_INSIDE: "yes"})  # noqa: S606


class Machine:
    """A machine; `number` is the last part of its address."""

    def __init__(self, name: str, number: int) -> None:
        self.name, self.address = name, f"{NETWORK}.{number}"
        self._holder = subprocess.Popen(  # noqa: S603
            [*_tied_to_us(), "unshare", "--net", "--uts", "--", "sleep", "infinity"],
            stdin=subprocess.DEVNULL,
        )
        self._processes: list[subprocess.Popen[bytes]] = []
        eventually(f"the network of {name}", self._is_apart)
        _run("ip", "link", "add", name, "type", "veth", "peer", "name", "eth0",
             "netns", str(self._holder.pid))  # fmt: skip
        _run("ip", "link", "set", name, "master", "machines", "up")
        self._run("hostname", name)
        self._run("ip", "address", "add", f"{self.address}/24", "dev", "eth0")
        for device in ("lo", "eth0"):
            self._run("ip", "link", "set", device, "up")

    def _is_apart(self) -> bool:
        """Whether the holder is in namespaces of its own, and no longer in ours."""
        kinds = ("net", "uts")
        ours, theirs = (
            [Path(f"/proc/{process}/ns/{kind}").readlink() for kind in kinds]
            for process in ("self", self._holder.pid)
        )
        return all(one != other for one, other in zip(ours, theirs, strict=True))

    def _inside(self, *command: str) -> list[str]:
        return ["nsenter", "--target", str(self._holder.pid), "--net", "--uts", "--", *command]

    def _run(self, *command: str) -> None:
        _run(*self._inside(*command))

    def start(self, *command: str, environ: dict[str, str], log: IO[bytes]) -> None:
        """Start a process on this machine."""
        self._processes.append(
            subprocess.Popen(  # noqa: S603
                [*_tied_to_us(), *self._inside(*command)],
                cwd=ROOT, env=environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )
        )  # fmt: skip

    def stop(self) -> None:
        """End its processes in order. The machine stays."""
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            process.wait(60)
        self._processes.clear()

    def close(self) -> None:
        """End everything: the network goes with its last process."""
        self.stop()
        self._holder.kill()
        self._holder.wait(10)


def _run(*command: str) -> None:
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)  # noqa: S603


def log_file(name: str) -> Path:
    """Return the path of a log under var/bench."""
    folder = ROOT / "var" / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{name}.log"
