"""deploy/systemd, checked without a running systemd."""

import os
import re
import shlex
import shutil
import subprocess
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.steps import ROOT
from tests.deploy.files import GUNICORN, command, seconds, services, settings_names, text

FOLDER = ROOT / "deploy" / "systemd"
SHARED = FOLDER / "profilecenter-.service.d" / "shared.conf"
# The unit of each process, by the name of its service in Compose.
UNITS = {
    "web": "profilecenter-web@.service",
    "worker": "profilecenter-worker@.service",
    "beat": "profilecenter-beat.service",
    "migrate": "profilecenter-migrate.service",
}
INSTANCES = {"web": "8000", "worker": "1"}
PROGRAMS = ("gunicorn", "celery", "python")
CODE = re.compile(r"/srv/profilecenter/(?:current|next)")
BYTES = {"M": "m", "G": "g"}
EXPOSED = 20  # tenths, of 100: what systemd-analyze calls OK
Unit = dict[str, list[str]]


def lines(path: Path) -> Unit:
    """Return the values of each setting of a file, in order."""
    found: Unit = defaultdict(list)
    for line in path.read_text().splitlines():
        if line and not line.startswith(("#", "[")):
            name, _, value = line.partition("=")
            found[name].append(value)
    return found


def unit(name: str) -> Unit:
    """Return the settings of a process: those of its unit, then those that all share."""
    own, shared = lines(FOLDER / UNITS[name]), lines(SHARED)
    return {key: own.get(key, []) + shared.get(key, []) for key in {*own, *shared}}


def environment(name: str) -> dict[str, str]:
    """Return the variables that a process gets from its unit."""
    words = [word for value in unit(name)["Environment"] for word in shlex.split(value)]
    pairs = [word.partition("=") for word in words]
    names = [variable for variable, _, _ in pairs]
    # The shared file is read last, and would win.
    assert len(names) == len(set(names))
    return {variable: value for variable, _, value in pairs}


@pytest.mark.parametrize("name", UNITS)
def test_a_unit_has_the_command_the_limits_and_the_time_to_stop_of_compose(name: str) -> None:
    ours, compose = unit(name), services()[name]
    [started] = ours["ExecStart"]
    program, *words = shlex.split(started)
    expected = command(name)
    assert [Path(program).name, *words][: len(expected)] == expected
    [limit] = ours["MemoryMax"]
    assert limit[:-1] + BYTES[limit[-1]] == compose["mem_limit"]
    assert ours["TasksMax"] == [str(compose["pids_limit"])]
    assert ours["TimeoutStopSec"] == [str(seconds(compose["stop_grace_period"]))]
    assert (ours.get("Restart") == ["always"]) is (name != "migrate")


@pytest.mark.parametrize("name", UNITS)
def test_secrets_are_credentials_and_have_the_names_of_compose(name: str) -> None:
    compose = services()[name]["environment"]
    files = {
        variable: Path(value).name for variable, value in compose.items()
        if variable.endswith("_FILE")
    }  # fmt: skip
    ours = environment(name)
    assert {variable: value for variable, value in ours.items() if value.startswith("%d/")} == {
        variable: f"%d/{file}" for variable, file in files.items()
    }
    loaded = dict(value.split(":") for value in unit(name)["LoadCredential"])
    assert loaded == {file: f"/etc/profilecenter/secrets/{file}" for file in loaded}
    assert set(files.values()) <= set(loaded)
    assert ("database_owner_url" in loaded) is (name == "migrate")


@pytest.mark.parametrize("name", UNITS)
def test_every_variable_is_read_by_a_program(name: str) -> None:
    known = settings_names() | GUNICORN | {"PATH", "PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE"}
    assert {variable.removesuffix("_FILE") for variable in environment(name)} <= known


def test_the_web_units_have_the_ports_that_nginx_asks() -> None:
    ports = re.findall(r"server 127\.0\.0\.1:(\d+)", text("deploy/nginx.conf"))
    assert INSTANCES["web"] == ports[0]
    assert len(ports) == 2
    [started] = unit("web")["ExecStart"]
    assert started.endswith("--bind 127.0.0.1:%i")
    assert all(int(f"1{port}") < 65_536 for port in ports)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user can enter, unlike those of pytest."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        path.chmod(0o755)
        yield path


def test_a_command_gets_the_settings_and_secrets_of_the_units(open_folder: Path) -> None:
    config, code = open_folder / "config", open_folder / "code"
    (config / "secrets").mkdir(parents=True)
    (code / "venv" / "bin").mkdir(parents=True)
    (config / "settings.env").write_text(
        "# systemd reads these lines; a shell would run the word behind a blank, a $ or a &.\n"
        "PUBLIC_URL='https://mail.example.com'\nOIDC_NAME=Example SSO\n\n"
        'SERVER_EMAIL="Example $1 <a@example.com>"\nWATCH_PING_URL=https://ping.example.com/?a=1&b=2'
    )
    (code / "release.env").write_text("PROFILECENTER_VERSION=1.2.3\n")
    names = {Path(value).name for value in environment("web").values() if value.startswith("%d/")}
    for name in names:
        (config / "secrets" / name).write_text(f"the {name}\n")
    program = code / "venv" / "bin" / "python"
    program.write_text('#!/bin/sh\nenv; id -u; echo "asked for $*"\n')
    program.chmod(0o755)
    done = subprocess.run(
        [str(FOLDER / "manage.sh"), "check", "--deploy"], capture_output=True, text=True,
        timeout=60, check=True,
        env={"PATH": os.defpath, "CONFIG": str(config), "CODE": str(code), "RUN_AS": "nobody"},
    )  # fmt: skip
    told = done.stdout.splitlines()
    assert {f"{name.upper()}=the {name}" for name in names} <= set(told)
    assert {
        "PUBLIC_URL=https://mail.example.com", "PROFILECENTER_VERSION=1.2.3",
        "OIDC_NAME=Example SSO", "SERVER_EMAIL=Example $1 <a@example.com>",
        "WATCH_PING_URL=https://ping.example.com/?a=1&b=2",
    } <= set(told)  # fmt: skip
    assert told[-1] == "asked for manage.py check --deploy"
    assert told[-2] != "0"


def test_the_target_starts_one_of_each() -> None:
    wanted = [
        UNITS[name].replace("@", f"@{INSTANCES.get(name, '')}")
        for name in ("web", "worker", "beat")
    ]
    assert lines(FOLDER / "profilecenter.target")["Wants"] == [" ".join(wanted)]


@pytest.fixture
def installed(tmp_path: Path) -> list[Path]:
    """The units, with programs that exist."""
    programs = tmp_path / "venv" / "bin"
    programs.mkdir(parents=True)
    for name in PROGRAMS:
        shutil.copy("/bin/true", programs / name)
    units = tmp_path / "units"
    shutil.copytree(FOLDER, units)
    for path in units.rglob("*"):
        if path.is_file():
            path.write_text(CODE.sub(str(tmp_path), path.read_text()))
    for name, instance in INSTANCES.items():
        template = units / UNITS[name]
        shutil.copy(template, units / UNITS[name].replace("@", f"@{instance}"))
        template.unlink()
    return sorted(path for path in units.iterdir() if path.suffix in {".service", ".target"})


def analyze(*arguments: str) -> str:
    """Return the output of systemd-analyze. Fails the test where it fails."""
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("there is no systemd-analyze on PATH")
    done = subprocess.run(
        [program, *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_systemd_accepts_the_units(installed: list[Path]) -> None:
    # It warns of what it ignores, such as a setting that it does not know.
    mine = str(installed[0].parent)
    told = analyze("verify", *map(str, installed)).splitlines()
    assert not [line for line in told if mine in line or "profilecenter" in line]


def test_systemd_finds_a_wrong_setting(installed: list[Path]) -> None:
    path = installed[0]
    path.write_text(path.read_text().replace("ProtectSystem", "") + "\nOfTomorrow=yes\n")
    assert "OfTomorrow" in analyze("verify", str(path))


def test_every_process_is_confined(installed: list[Path]) -> None:
    for path in installed:
        if path.suffix == ".service":
            analyze("security", "--offline=true", f"--threshold={EXPOSED}", str(path))
