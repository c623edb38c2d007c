"""The sandbox as one object: in a thread for tests, in the foreground for the command."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from threading import Event, Thread
from types import MappingProxyType, TracebackType
from typing import Any, Self

from .http.page_emails import EmailRow
from .http.page_links import LinkRow
from .http.server import Server
from .http.service import Service
from .http.tokens import EXPIRES_IN, Tokens
from .operations.faults import Cue, Faults
from .operations.retrieve_pages import RetrievePages
from .operations.rights import SCOPES
from .world.entities import Attribute, DataExtension, Job, MailList, Subscriber, Unit
from .world.journal import Journal
from .world.sample import (
    DEFINITIONS,
    PARENT,
    sample_attributes,
    sample_data_extensions,
    sample_jobs,
    sample_lists,
    sample_strangers,
    sample_subscribers,
    sample_units,
)
from .world.store import Memory


class Sandbox:
    """A running sandbox; close() or leaving `with` stops it.

    Raises OSError where the port is taken. `token_lifetime` is in seconds. `state` is a file that
    records are read from and appended to. `definitions` are CustomerKeys of triggered send
    definitions. `scopes` are the rights of the package that tokens are for.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        host: str = "127.0.0.1",
        subscribers: int | Iterable[Subscriber] = 50,
        state: Path | None = None,
        token_lifetime: float = EXPIRES_IN,
        key_permission: bool = True,
        units: Iterable[Unit] | None = None,
        lists: Iterable[MailList] | None = None,
        jobs: Iterable[Job] | None = None,
        attributes: Iterable[Attribute] | None = None,
        data_extensions: Iterable[DataExtension] | None = None,
        definitions: Iterable[str] = DEFINITIONS,
        scopes: Collection[str] = SCOPES,
    ) -> None:
        self._journal = Journal(state) if state else None
        people = sample_subscribers(subscribers) if isinstance(subscribers, int) else subscribers
        self.memory = Memory(
            units=sample_units(key_permission=key_permission) if units is None else units,
            lists=sample_lists() if lists is None else lists,
            jobs=sample_jobs() if jobs is None else jobs,
            subscribers=people,
            attributes=sample_attributes() if attributes is None else attributes,
            data_extensions=sample_data_extensions()
            if data_extensions is None
            else data_extensions,
            definitions=definitions,
            keep=self._journal.append if self._journal else None,
        )
        self.faults = Faults()
        self._server = Server((host, port), self._service(token_lifetime, scopes))
        if self._journal:
            self.memory.restore(self._journal.read())
        self._thread = Thread(target=self._run, name="sandbox", daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """The base URL, with a slash at the end."""
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}/"

    def events(self) -> list[dict[str, Any]]:
        """Return the UnsubEvents as `/events.json` does, newest last."""
        return [asdict(entry) for entry in self.memory.entries("event")]

    def masters(self) -> list[dict[str, Any]]:
        """Return the master unsubscribes without an UnsubEvent, newest last."""
        return [asdict(entry) for entry in self.memory.entries("master")]

    def updates(self) -> list[dict[str, Any]]:
        """Return the updates of subscribers as `/updates.json` does, newest last."""
        return [asdict(update) for update in self.memory.updates()]

    def rows(self, mid: int, key: str) -> list[dict[str, str]]:
        """Return the rows of a unit's data extension as they are now; none where there is no such
        one."""
        return self.memory.rows(mid, key)

    def mails(self) -> list[dict[str, Any]]:
        """Return the emails of triggered sends as `/mails.json` does, newest last."""
        return [asdict(mail) for mail in self.memory.mails()]

    def person(self, subscriber_id: int) -> dict[str, Any]:
        """Return a subscriber's current state, `lists` by ListID. Raises KeyError where unknown."""
        return self.memory.portrait(subscriber_id)

    def show_links(
        self, rows: Sequence[LinkRow], note: str = "", emails: Sequence[EmailRow] = ()
    ) -> None:
        """Show links on the page `/links`, and sample emails on the first page; `note` says why
        there are none."""
        service = self._server.service
        service.links, service.links_note, service.emails = rows, note, emails

    @property
    def retrieve_pages(self) -> RetrievePages:
        """The pages of Retrieve; `page_size` may be lowered."""
        return self._server.service.retrieve_pages

    def call_counts(self) -> dict[str, Any]:
        """Return the counters as `/calls.json` does."""
        return self._server.service.calls.as_json()

    def cue(
        self,
        kind: str,
        *,
        times: int | None = 1,
        seconds: float | None = None,
        after: int = 0,
        value: float | None = None,
        mid: int | None = None,
        operation: str | None = None,
    ) -> None:
        """Inject a fault; see faults.Cue. Raises CueError for an unknown kind."""
        self.faults.add(
            Cue(
                kind=kind,
                times=times,
                seconds=seconds,
                after=after,
                value=value,
                mid=mid,
                operation=operation,
            )
        )

    def clear(self) -> None:
        """Remove all injected faults."""
        self.faults.clear()

    def close(self) -> None:
        """Stop listening and close every connection, at once."""
        self.faults.clear()
        self._server.shutdown()
        self._server.server_close()
        self._server.hang_up()
        self._thread.join()
        if self._journal:
            self._journal.close()

    def __enter__(self) -> Self:
        """Return the running sandbox."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the sandbox."""
        self.close()

    def _service(self, token_lifetime: float, scopes: Collection[str]) -> Service:
        account = PARENT if PARENT in self.memory.units else min(self.memory.units)
        tokens = Tokens(
            accounts=self.memory.units, default=account, lifetime=token_lifetime, scopes=scopes
        )
        return Service(
            memory=self.memory,
            tokens=tokens,
            cues=self.faults,
            account=account,
        )

    def _run(self) -> None:
        # With the default of half a second, every close() of a test would wait that long.
        self._server.serve_forever(poll_interval=0.02)


def serve_forever(
    host: str,
    port: int,
    subscribers: int,
    *,
    state: Path | None = None,
    token_lifetime: float = EXPIRES_IN,
    scopes: Collection[str] = SCOPES,
    links: Sequence[LinkRow] = (),
    links_note: str = "",
    emails: Sequence[EmailRow] = (),
    more_subscribers: Mapping[int, str] = MappingProxyType({}),
    announce: Callable[[str], object] = lambda _url: None,
) -> None:
    """Serve until KeyboardInterrupt (Ctrl-C). Calls `announce` with the URL once it listens.

    `more_subscribers` are keys by SubscriberID, besides those generated. Raises OSError where the
    port is taken.
    """
    people = (*sample_subscribers(subscribers), *sample_strangers(more_subscribers))
    with Sandbox(
        port=port,
        host=host,
        subscribers=people,
        state=state,
        token_lifetime=token_lifetime,
        scopes=scopes,
    ) as sandbox:
        sandbox.show_links(links, links_note, emails)
        announce(sandbox.url)
        try:
            Event().wait()
        except KeyboardInterrupt:
            return
