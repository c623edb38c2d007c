"""Compare what clients were told with the database after a restore, and with Marketing Cloud."""

import json
import urllib.request
from collections import Counter
from collections.abc import Iterator
from typing import Any

from tests.chaos.ledger import Asked, Ledger
from tests.chaos.lines import Line
from tests.chaos.stream import STRANGER
from tests.journeys.deployment import Deployment

ROWS = "SELECT subscriber_id, id, channel, kind, status, attempts FROM unsub_subscriberrequest"
Rows = dict[int, list[dict[str, Any]]]


def rows_of(deployment: Deployment) -> Rows:
    """Return the requests by subscriber."""
    found: Rows = {}
    for subscriber, pk, channel, kind, status, attempts in deployment.query(ROWS):
        row = {"id": pk, "channel": channel, "kind": kind, "status": status, "attempts": attempts}
        found.setdefault(subscriber % STRANGER, []).append(row)
    return found


def updates_of(deployment: Deployment) -> Counter[str]:
    """Return what Marketing Cloud was told of changes, and how often."""
    with urllib.request.urlopen(f"{deployment.sandbox_url}/updates.json", timeout=60) as response:
        return Counter(json.dumps(one["given"], sort_keys=True) for one in json.load(response))


class Books:
    """What clients were told, what was in the database before the restore (`before`) and right
    after it (`restored`), and which changes Marketing Cloud knew of by then (`updates`)."""

    def __init__(
        self, ledger: Ledger, *, before: Rows, restored: Rows, updates: Counter[str]
    ) -> None:
        self._asked = [asked for asked in ledger.submissions if asked.was_accepted]
        self._before, self._restored, self._updates = before, restored, updates

    def lines(self, deployment: Deployment) -> Iterator[Line]:
        """Yield the lines of the report, of a deployment that has nothing left to send."""
        now, updates = rows_of(deployment), updates_of(deployment)
        events = Counter(one["subscriber_id"] for one in deployment.events())
        masters = Counter(one["subscriber_id"] for one in deployment.masters())
        sent = events + masters
        kept = [one for one in self._asked if one.subscriber in self._restored]
        since = [one for one in self._asked if one.subscriber not in self._restored]
        yield _some("unsubscribes accepted", len(self._asked))
        yield _some("of these in the backup", len(kept))
        yield _some("of these open in the backup", sum(map(self._was_open, kept)))
        yield _none(
            "in the backup and not sent", [one for one in kept if not self._ended(one, now)]
        )
        yield _none("in the backup, and without an event", [
            one for one in kept if self._counts(one) and not sent[one.subscriber]
        ])  # fmt: skip
        yield _none("undone and sent", [
            one for one in self._asked if one.undone and sent[one.subscriber]
        ])  # fmt: skip
        yield _none("with two events", [one for one in self._asked if events[one.subscriber] > 1])
        delivered = [one for one in since if events[one.subscriber] and one.kind != "child"]
        yield _some("delivered after the backup", len(delivered))
        yield _none("of these not found again by the import", [
            one for one in delivered
            if [row["channel"] for row in now.get(one.subscriber, ())] != ["import"]
        ])  # fmt: skip
        lost = [one for one in since if self._counts(one) and not sent[one.subscriber]]
        yield _some("accepted after the backup, and never sent", len(lost))
        yield _none("of these not in the former database", [
            one for one in lost if one.subscriber not in self._before
        ])  # fmt: skip
        changes = [
            row for rows in self._restored.values() for row in rows
            if row["kind"] != "unsubscribe" and row["status"] in {"pending", "sending"}
        ]  # fmt: skip
        yield _some("changes open in the backup", len(changes))
        final = {row["id"]: row["status"] for rows in now.values() for row in rows}
        wrong = [row for row in changes if final[row["id"]] not in {"withdrawn", "superseded"}]
        yield Line(what="of these not withdrawn", number=len(wrong), holds=not wrong)
        more = updates - self._updates
        yield Line(what="changes sent after the restore", number=more.total(), holds=not more)

    def _was_open(self, asked: Asked) -> bool:
        return any(
            row["status"] in {"pending", "sending"} for row in self._restored[asked.subscriber]
        )

    @staticmethod
    def _counts(asked: Asked) -> bool:
        """Return whether Marketing Cloud has to know of it."""
        was_asked_to_undo = asked.kind == "undo" and asked.undone is not False
        return not was_asked_to_undo and asked.kind != "stranger"

    @staticmethod
    def _ended(asked: Asked, now: Rows) -> bool:
        """Return whether a request that the backup had ended as its client was told."""
        statuses = {row["status"] for row in now.get(asked.subscriber, ())}
        wanted = {"refused"} if asked.kind == "stranger" else {"done"}
        if asked.kind == "undo" and asked.undone is not False:
            wanted = {"withdrawn"} if asked.undone else {"withdrawn", "done"}
        return bool(statuses) and statuses <= wanted


def _some(what: str, number: int) -> Line:
    return Line(what=what, number=number, holds=number > 0)


def _none(what: str, wrong: list[Asked]) -> Line:
    which = tuple(f"{one.subscriber} {one.kind} {one.answers} {one.undone}" for one in wrong[:5])
    return Line(what=what, number=len(wrong), holds=not wrong, which=which)
