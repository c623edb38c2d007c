"""The sandbox as a process: state file, command and shutdown."""

import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from tests.sandbox.talk import (
    Caller,
    attributes,
    count_scans,
    create_call,
    eventually,
    on_list,
    subscriber,
)
from unsub.sandbox import Sandbox
from unsub.sandbox.world.entities import Attribute

ROOT = Path(__file__).parents[2]
# The command alone: its behaviour must not depend on the settings of the environment.
RUN = """
import sys
from django.conf import settings
from unsub.management.commands.sandbox import Command
settings.configure()
Command().run_from_argv(["manage.py", "sandbox", *sys.argv[1:]])
"""
ADA = {"SubscriberID": "1001", "JobID": "88002"}
MAIL = (
    '<Objects xsi:type="TriggeredSend"><TriggeredSendDefinition><CustomerKey>new-link'
    "</CustomerKey></TriggeredSendDefinition><Subscribers><EmailAddress>ada@example.com"
    "</EmailAddress><SubscriberKey>ada-1001</SubscriberKey></Subscribers></Objects>"
)
OLD_LINE = (
    '{"id": 1, "at": "2026-05-04T10:00:00.000+00:00", "kind": "event", "mid": 510001, '
    '"parameters": {"SubscriberID": "1001", "JobID": "88002"}, "subscriber_id": 1001, '
    '"subscriber_key": "ada-1001", "job_id": 88002, "list_id": 7001, "batch_id": 0, '
    '"reason": "Too many", "master": false}\n'
)


def test_confirmed_events_survive_a_restart(tmp_path: Path) -> None:
    state = tmp_path / "new" / "state.jsonl"
    with Sandbox(state=state) as first, Caller(first.url) as caller:
        caller.unsub(**ADA, Reason="two\nlines")
        caller.unsub(SubscriberID="1002")
        before = (first.events(), first.masters())
    with Sandbox(state=state) as second, Caller(second.url) as caller:
        assert (second.events(), second.masters()) == before
        assert caller.unsub(**ADA).code == 401
        assert caller.unsub(SubscriberID="1002", JobID="88002").code == 12012
        caller.unsub(SubscriberID="1003", JobID="88002")
        assert [event["id"] for event in second.events()] == [1, 3]


def test_updates_and_emails_survive_a_restart_in_order(tmp_path: Path) -> None:
    state = tmp_path / "state.jsonl"
    join = attributes({"City": "Köln"}) + on_list(7004, "Active", "create")
    with Sandbox(state=state) as first, Caller(first.url) as caller:
        caller.unsub(**ADA)
        caller.update(subscriber("ada-1001", on_list(7001, "Active", "update") + join))
        caller.post(create_call(MAIL), action="Create")
        caller.unsub(SubscriberID="1002")
        caller.update(subscriber("grace-1002", "<Status>Active</Status>"))
        before = (first.updates(), first.mails(), first.person(1001), first.person(1002))
    with Sandbox(state=state) as second, Caller(second.url) as caller:
        assert (
            second.updates(),
            second.mails(),
            second.person(1001),
            second.person(1002),
        ) == before
        assert second.person(1001)["lists"][7001] == "Active"
        assert caller.get("mails.json")[0]["id"] == 3
        caller.update(subscriber("ada-1001", on_list(7004, action="delete")))
        assert second.updates()[-1]["id"] == 6


def test_records_from_before_updates_existed_are_read(tmp_path: Path) -> None:
    state = tmp_path / "state.jsonl"
    state.write_text(OLD_LINE)
    with Sandbox(state=state) as sandbox, Caller(sandbox.url) as caller:
        assert sandbox.events()[0]["job_id"] == 88002
        assert caller.unsub(**ADA).code == 401


def test_a_stored_update_that_is_no_longer_valid_is_skipped(tmp_path: Path) -> None:
    state = tmp_path / "state.jsonl"
    with Sandbox(state=state) as first, Caller(first.url) as caller:
        caller.update(subscriber("ada-1001", attributes({"City": "Paris"})))
        caller.update(subscriber("emil-1003", "<Status>Unsubscribed</Status>"))
    city = Attribute(name="City", choices=("Oslo",))
    with Sandbox(state=state, attributes=[city], subscribers=1) as second:
        assert second.person(1001)["attributes"]["City"] == "London"
        assert len(second.updates()) == 2


def test_a_line_truncated_by_a_kill_is_dropped(tmp_path: Path) -> None:
    state = tmp_path / "state.jsonl"
    with Sandbox(state=state) as first, Caller(first.url) as caller:
        caller.unsub(**ADA)
    with state.open("ab") as file:
        file.write(b'{"id": 2, "at": "2026-')
    for known in (1, 2):
        with Sandbox(state=state) as again, Caller(again.url) as caller:
            assert len(again.events()) == known
            caller.unsub(SubscriberID="1002", JobID="88002")


def test_an_event_that_cannot_be_stored_is_not_recorded(tmp_path: Path) -> None:
    state = tmp_path / "state.jsonl"
    with Sandbox(state=state) as sandbox, Caller(sandbox.url) as caller:
        assert caller.token
        # A directory at the file's path: the entry cannot be written.
        state.mkdir()
        with pytest.raises(requests.ConnectionError):
            caller.unsub(**ADA)
        assert not sandbox.events()


def test_a_taken_port_raises_os_error() -> None:
    with Sandbox() as first, pytest.raises(OSError, match="in use"):
        Sandbox(port=int(first.url.strip("/").rpartition(":")[2]))


def test_closing_leaves_no_thread_running() -> None:
    before = threading.active_count()
    for _ in range(3):
        with Sandbox() as sandbox, Caller(sandbox.url) as caller:
            caller.unsub(**ADA)
    assert eventually(lambda: threading.active_count() <= before)


def test_an_unsubscribe_of_one_of_twenty_thousand_scans_no_others() -> None:
    with Sandbox(subscribers=20_000) as sandbox, Caller(sandbox.url) as caller:
        everybody = count_scans(sandbox)
        assert caller.unsub(SubscriberKey="sub-21000", ListID="7001").status == "OK"
        assert sandbox.events()[0]["job_id"] == 88002
        assert everybody.scans == 0


@contextmanager
def _command(*options: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-c", RUN, *options],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_command_stops_while_a_caller_is_connected(
    number: signal.Signals,
) -> None:
    with _command("--port", "0", "--subscribers", "5", "--token-lifetime", "60") as process:
        assert process.stdout is not None
        url = process.stdout.readline().split()[-1]
        with Caller(url) as caller:
            assert caller.ask_token().json()["expires_in"] == 60
            assert caller.unsub(SubscriberID="1005", JobID="88002").status == "OK"
            process.send_signal(number)
            # A connection may idle for two minutes: the command does not wait for it.
            assert process.wait(60) == 0


def test_the_command_takes_the_rights_of_the_package_and_starts_without_link_keys() -> None:
    with _command("--port", "0", "--subscribers", "5", "--scope", "email_send") as process:
        assert process.stdout is not None
        url = process.stdout.readline().split()[-1]
        with Caller(url) as caller:
            assert caller.ask_token().json()["scope"] == "email_send"
            assert "without LINK_KEYS" in caller.http.get(f"{url}links", timeout=10).text


def test_the_command_explains_a_taken_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        with _command("--port", port) as process:
            _, complaint = process.communicate(timeout=120)
    assert process.returncode == 1
    assert complaint.splitlines()[-1].endswith("Choose another port with --port.")


def test_the_command_explains_a_bad_state_file(tmp_path: Path) -> None:
    with _command("--port", "0", "--state", str(tmp_path)) as process:
        _, complaint = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "--state" in complaint.splitlines()[-1]


def test_a_kill_loses_no_confirmed_event(tmp_path: Path) -> None:
    state = str(tmp_path / "state.jsonl")
    with _command("--port", "0", "--state", state) as process:
        assert process.stdout is not None
        with Caller(process.stdout.readline().split()[-1]) as caller:
            assert caller.unsub(**ADA).status == "OK"
        process.kill()
        process.wait(60)
    with Sandbox(state=Path(state)) as sandbox:
        assert len(sandbox.events()) == 1
