"""Real processes of a deployment, started and killed by the journeys."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from scripts.steps import ROOT

T = TypeVar("T")


PATIENCE = 90.0  # seconds: ten times what the slowest step takes on an idle machine


def wait_for(what: str, probe: Callable[[], T | None], *, seconds: float = PATIENCE) -> T:
    """Return the first true value of `probe`. Fails the test after `seconds`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := probe():
            return value
        time.sleep(0.05)
    raise AssertionError(f"waited {seconds:.0f} s for {what}")


class Process:
    """One process with its own log. It can be started and killed repeatedly."""

    def __init__(
        self, name: str, command: list[str], *, environ: dict[str, str], folder: Path,
        checkout: Path = ROOT,
    ) -> None:  # fmt: skip
        """`checkout` is the folder of the code that it runs; its log is in `folder`."""
        self.name = name
        self._checkout = checkout
        self.command = command
        self.environ = environ
        self._log = folder / f"{name}.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the process. It ends with the test run, even where that is killed."""
        tied = ["setpriv", "--pdeathsig", "KILL", "--"] if _has_setpriv() else []
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [*tied, *self.command], cwd=self._checkout, env=self.environ,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    def log_to(self, path: Path) -> Path:
        """Use another log file from the next start on. Return the former path."""
        before, self._log = self._log, path
        return before

    @property
    def is_running(self) -> bool:
        """Whether the process was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    def end(self, number: signal.Signals, *, seconds: float) -> int:
        """Send a signal and return the exit status. Fails the test after `seconds`."""
        self.signal_main(number)
        return self.wait(seconds=seconds)

    def wait(self, *, seconds: float) -> int:
        """Return the exit status. Fails the test where the process does not end in `seconds`."""
        assert self._process is not None
        try:
            return self._process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} did not end in {seconds:.0f} s") from None

    def signal_main(self, number: signal.Signals) -> None:
        """Send a signal to the process, not to its children."""
        assert self._process is not None
        self._process.send_signal(number)

    def signal_all(self, number: signal.Signals) -> None:
        """Send a signal to the process and its children."""
        assert self._process is not None
        os.killpg(self._process.pid, number)

    def kill(self) -> None:
        """Kill the process and its children with SIGKILL, as a loss of power does."""
        if self._process is None:
            return
        process, self._process = self._process, None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=60)

    def wait_for_words(self, words: re.Pattern[str], *, seconds: float) -> re.Match[str]:
        """Wait for a pattern in the log and return its match. Fails the test, with the log, after
        `seconds` or when the process ends."""
        deadline = time.monotonic() + seconds
        while not (found := words.search(self.log)):
            if not self.is_running or time.monotonic() > deadline:
                why = f"within {seconds:.0f} s" if self.is_running else "and ended"
                raise AssertionError(f"{self.name} did not say {words.pattern} {why}:\n{self.log}")
            time.sleep(0.05)
        return found

    @property
    def log(self) -> str:
        """The output so far."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""


def _has_setpriv() -> bool:
    return sys.platform == "linux" and shutil.which("setpriv") is not None
