"""Clients that nobody here wrote: token, LogUnsubEvent, Retrieve with a filter, and a fault."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from unsub.sandbox import Sandbox

from . import installing
from .installing import HERE, InstallError

NODE = ("sfmc_sdk.mjs", "fuel_soap.cjs", "soap.mjs")
PYTHON = (("fuelsdk.py",), ("fuelsdk.py", "legacy"), ("suds_community.py",))


def installed(install: Callable[[], Path]) -> Path:
    """Return the folder of the clients. Skips the test where there is no registry to install them
    from; on CI that is a failure."""
    try:
        return install()
    except InstallError as err:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(err))


def needs(*names: str) -> None:
    """Skip the test where a program is not on this machine."""
    missing = [name for name in names if shutil.which(name) is None]
    if missing:
        pytest.skip(f"no {' and no '.join(missing)} on this machine")


def answers(*command: str | Path, sandbox: Sandbox, environ: Mapping[str, str]) -> Any:
    """Return what a client's program prints."""
    environ = {**os.environ, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1", **environ}
    done = subprocess.run(
        (*map(str, command), sandbox.url), env=environ, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


def check(*command: str | Path, **environ: str) -> None:
    """Assert that a client's calls do what they say."""
    with Sandbox() as sandbox:
        said = answers(*command, sandbox=sandbox, environ=environ)
        (event,) = sandbox.events()
        assert (event["subscriber_id"], event["job_id"]) == (1001, 88002)
    assert said == {
        "unsub": "OK",
        "active": ["ada-1001"],
        "nobody": [],
        "fault": "Token Expired",
    }


@pytest.mark.parametrize("name", NODE)
def test_a_client_of_npm_is_served(name: str) -> None:
    needs("node", "npm")
    check("node", installed(installing.node) / name)


@pytest.mark.parametrize("command", PYTHON, ids=" ".join)
def test_a_client_of_python_is_served(command: tuple[str, ...]) -> None:
    name, *mode = command
    folder = installed(installing.python)
    check(sys.executable, HERE / "clients" / name, *mode, PYTHONPATH=str(folder))


def test_the_soap_client_of_php_is_served() -> None:
    needs("php")
    modules = subprocess.run(("php", "-m"), capture_output=True, text=True, check=True).stdout
    if "soap" not in modules.split():
        pytest.skip("this PHP has no SOAP extension")
    check("php", HERE / "clients" / "soapclient.php")
