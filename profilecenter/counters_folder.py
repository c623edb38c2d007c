"""The folder in which the processes of a worker share their counters.

prometheus_client reads its name when it is first imported, so this module must not import it.
"""

import atexit
import os
import shutil
import tempfile

NAME = "PROMETHEUS_MULTIPROC_DIR"
_PREFIX = "profilecenter-metrics-"


def make_folder() -> None:
    """Make a folder for this worker alone, and name it in the environment. It is removed when this
    process ends.

    Never the folder of the web processes: what a worker serves itself would be counted twice.
    """
    folder = os.environ[NAME] = tempfile.mkdtemp(prefix=_PREFIX)
    atexit.register(_remove, folder, os.getpid())


def _remove(folder: str, owner: int) -> None:
    """Remove the folder, unless this is a child of the process that made it."""
    if os.getpid() == owner:
        shutil.rmtree(folder, ignore_errors=True)
