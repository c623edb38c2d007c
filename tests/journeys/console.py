"""A process of manage.py that runs one piece of code after another."""

import json
import subprocess
import sys
from collections.abc import Mapping

from scripts.steps import ROOT

# Each piece has names of its own and leaves no connection behind: a journey stops the database.
LOOP = """
import json, sys
from django.db import connections
for line in sys.stdin:
    exec(json.loads(line), {})
    connections.close_all()
    print(json.dumps("done"), flush=True)
"""


class Console:
    """`manage.py shell`, which stays open."""

    def __init__(self, *, environ: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "manage.py", "shell", "--no-imports", "-c", f"exec({LOOP!r}, {{}})"],
            cwd=ROOT, env=environ, text=True, bufsize=1,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def run(self, code: str) -> None:
        """Run the code and wait for its end. Fails the test, with the traceback, where it
        raises."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(f"{json.dumps(code)}\n")
        self._process.stdin.flush()
        said: list[str] = []
        while (line := self._process.stdout.readline()) != '"done"\n':
            assert line, "".join(said)[-2000:]
            said.append(line)

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate(timeout=30)
