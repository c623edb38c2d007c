"""sign_links and export_audit as processes: killed, piped, and with a reader that closes the
pipe."""

import csv
import io
import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.steps import ROOT
from tests.journeys.deployment import NEWEST_WEEKLY_JOB, PARENT, Deployment
from tests.journeys.processes import wait_for

ROWS = 60_000
MEMORY = 250_000  # kB: Django itself uses most of it


def test_a_killed_run_can_be_resumed_and_uses_little_memory(
    shared: Deployment, tmp_path: Path
) -> None:
    rows = (f"{PARENT},{number},{NEWEST_WEEKLY_JOB}\n" for number in range(1, ROWS + 1))
    (tmp_path / "in.csv").write_text("mid,sid,jid\n" + "".join(rows))
    files = (str(tmp_path / "in.csv"), str(tmp_path / "out.csv"))
    state = tmp_path / "out.csv.state"
    with subprocess.Popen(
        [sys.executable, "manage.py", "sign_links", *files], cwd=ROOT, env=shared.environ,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        wait_for("a first note of how far it came", state.exists, seconds=60)
        memory = Path(f"/proc/{process.pid}/status").read_text()
        process.send_signal(signal.SIGKILL)
    assert int(memory.split("VmHWM:")[1].split()[0]) < MEMORY
    saved = json.loads(state.read_text())["line"]
    assert 1 < saved < ROWS
    said = shared.manage("sign_links", *files, "--resume")
    assert f"{ROWS:,} links written" in said
    lines = (tmp_path / "out.csv").read_text().splitlines()
    assert len(lines) == ROWS + 1
    assert [line.split(",")[1] for line in lines[1:]] == [str(n) for n in range(1, ROWS + 1)]


def test_a_long_file_takes_no_more_memory_than_its_first_lines(shared: Deployment) -> None:
    command = [sys.executable, "manage.py", "sign_links", "-", "-"]
    with subprocess.Popen(
        command, cwd=ROOT, env=shared.environ,
        stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        assert process.stdin
        process.stdin.write(b"mid,sid,jid\n")
        # What was written was read, but for some thousand lines in the pipe.
        resident = [
            _write_rows(process, range(1, 10_000)), _write_rows(process, range(10_000, 80_000))
        ]  # fmt: skip
    assert process.returncode == 0
    assert resident[1] < 1.25 * resident[0]


def _write_rows(process: subprocess.Popen[bytes], numbers: range) -> int:
    """Write rows to the process; return its resident memory in kB then."""
    rows = (f"{PARENT},{number},{NEWEST_WEEKLY_JOB}\n".encode() for number in numbers)
    assert process.stdin
    process.stdin.writelines(rows)
    process.stdin.flush()
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0])


PEOPLE = "\ufeffSubscriber Key;mid;Job ID;Ort\r\nsub-1;{mid};{job};Köln\r\nsub-2;x;{job};東京\r\n"
CONTENT = PEOPLE.format(mid=PARENT, job=NEWEST_WEEKLY_JOB).encode()


def piped(
    deployment: Deployment, *arguments: str, content: bytes = b"", **environ: str
) -> subprocess.CompletedProcess[bytes]:
    """Return a command that has ended, with any status, with pipes for its streams."""
    return subprocess.run(
        [sys.executable, "manage.py", *arguments], cwd=ROOT, env=deployment.environ | environ,
        input=content, capture_output=True, timeout=180, check=False,
    )  # fmt: skip


def through_shell(deployment: Deployment, command: str) -> subprocess.CompletedProcess[bytes]:
    """Return a shell command that has ended; $MANAGE is manage.py."""
    manage = f"{sys.executable} manage.py"
    return subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"], cwd=ROOT, capture_output=True, timeout=180,
        env=deployment.environ | {"MANAGE": manage}, check=False,
    )  # fmt: skip


# latin-1: a machine whose own encoding cannot represent the file's content.
@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_links_are_written_to_a_pipe_and_reports_to_standard_error(
    shared: Deployment, encoding: str
) -> None:
    done = piped(shared, "sign_links", "-", "-", content=CONTENT, PYTHONIOENCODING=encoding)
    assert done.returncode == 0, done.stderr
    rows = list(csv.DictReader(io.StringIO(done.stdout.decode()), delimiter=";"))
    assert [row["Ort"] for row in rows] == ["Köln"]
    assert rows[0]["link"].startswith(f"{shared.url}/u/")
    assert done.stderr.decode().splitlines() == [
        "line 3: mid is missing or is no MID",
        "2 rows read (UTF-8): Subscriber Key as sk, mid as mid, Job ID as jid",
        "1 links written to standard output",
        "1 rows refused, with their lines above",
        "  1 x mid is missing or is no MID",
    ]


def test_each_end_may_be_a_file_or_a_pipe(shared: Deployment, tmp_path: Path) -> None:
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_bytes(CONTENT)
    both = piped(shared, "sign_links", "-", "-", content=CONTENT).stdout
    assert piped(shared, "sign_links", str(source), "-").stdout == both
    done = piped(shared, "sign_links", "-", str(target), content=CONTENT)
    assert f"1 links written to {target}" in done.stdout.decode()
    assert target.read_bytes() == both
    assert (
        tmp_path / "out.csv.refused.csv"
    ).read_text() == "line,reason\n3,mid is missing or is no MID\n"
    # As bash's <(zcat in.csv.gz) passes it.
    done = through_shell(shared, f"$MANAGE sign_links <(cat {source}) -")
    assert done.stdout == both


def test_without_a_file_for_them_all_refused_rows_are_printed(shared: Deployment) -> None:
    content = b"sid,mid\n" + b"x,1\n" * 3_000
    done = piped(shared, "sign_links", "-", "-", content=content)
    assert done.stdout == b"sid,mid,link\n"
    told = done.stderr.decode().splitlines()
    assert sum(line.startswith("line ") for line in told) == 3_000


@pytest.mark.parametrize("ends", [("-", "out.csv"), ("in.csv", "-"), ("-", "-")])
def test_a_pipe_cannot_be_resumed(
    shared: Deployment, tmp_path: Path, ends: tuple[str, str]
) -> None:
    (tmp_path / "in.csv").write_bytes(CONTENT)
    files = [end if end == "-" else str(tmp_path / end) for end in ends]
    done = piped(shared, "sign_links", *files, "--resume", content=CONTENT)
    assert done.returncode == 1
    assert done.stderr.decode().splitlines() == [
        "CommandError: --resume needs two files: a pipe cannot be read again"
    ]
    assert done.stdout == b""
    assert not (tmp_path / "out.csv").exists()


def test_a_bad_header_leaves_standard_output_empty(shared: Deployment) -> None:
    done = piped(shared, "sign_links", "-", "-", content=b"name\nx\n")
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.startswith(b"CommandError: the first line names no column")
    assert len(done.stderr.splitlines()) == 1


def test_a_file_is_not_appended_to_itself(shared: Deployment, tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_bytes(CONTENT)
    for command in (f"- - < {file} >> {file}", f"{file} - >> {file}", f"- {file} < {file}"):
        done = through_shell(shared, f"$MANAGE sign_links {command}")
        assert (done.returncode, b"same file" in done.stderr) == (1, True), command
        assert file.read_bytes() == CONTENT


def test_a_closed_pipe_ends_the_command_without_an_error(
    shared: Deployment, tmp_path: Path
) -> None:
    (tmp_path / "in.csv").write_bytes(b"sid,jid,mid\n" + b"1001,1,%d\n" % PARENT * 5_000)
    shared.link(1)
    commands = (f"sign_links {tmp_path / 'in.csv'} -", "export_audit", "export_audit --output -")
    for command in commands:
        # The reader closes the pipe before the first row, so that even a short output notices.
        done = through_shell(shared, f"$MANAGE {command} | true")
        assert (done.returncode, done.stderr) == (0, b""), command


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a disk that is always full: Linux")
def test_a_full_disk_is_reported_in_one_line(shared: Deployment) -> None:
    for command in ("sign_links - -", "export_audit", "export_audit --output /dev/full"):
        content = "printf 'sid,mid\\n1001,510001\\n'"
        done = through_shell(shared, f"{content} | $MANAGE {command} > /dev/full")
        assert done.returncode == 1, command
        errors = [line for line in done.stderr.splitlines() if b"Error" in line]
        assert errors == [b"CommandError: [Errno 28] No space left on device"], command


def test_the_audit_is_the_same_in_a_file_and_on_standard_output(
    shared: Deployment, tmp_path: Path
) -> None:
    assert shared.one_click(shared.link(1))[0] == 200
    shared.audit_of(1)
    file = tmp_path / "audit.csv"
    query = ("export_audit", "--until", "2100-01-01")
    done = piped(shared, *query, "--output", str(file))
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    shown = piped(shared, *query, "--output", "-", PYTHONIOENCODING="latin-1").stdout
    assert shown == piped(shared, *query).stdout == file.read_bytes()
    assert len(shown.splitlines()) > 1
