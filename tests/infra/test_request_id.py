"""The id of a request in the log."""

import subprocess
import sys

from scripts.steps import ROOT

# Two threads that both have a moment to make the variable.
FIRST_USE = """
import contextvars
from threading import Barrier, Thread
from time import sleep

from unsub.infra.request_id import bound, current

make = contextvars.ContextVar

def make_slowly(*args, **options):
    sleep(0.5)
    return make(*args, **options)

def handle(mine):
    with bound(mine):
        both.wait()
        seen.append((mine, current()))
    ended.append(current())

contextvars.ContextVar = make_slowly
both, seen, ended = Barrier(2, timeout=60), [], []
threads = [Thread(target=handle, args=(letter * 32,)) for letter in "ab"]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert len(seen) == 2 and all(mine == found for mine, found in seen), seen
assert ended == ["", ""], ended
"""


def test_the_first_two_requests_of_a_process_may_come_at_once() -> None:
    done = subprocess.run(
        [sys.executable, "-c", FIRST_USE], cwd=ROOT, capture_output=True, text=True, timeout=120,
        check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
