"""The page's sections on subscribers and updates."""

from collections.abc import Iterable, Mapping
from html import escape
from itertools import islice

from unsub.sandbox.world.entities import ListKind, MailList, Subscriber
from unsub.sandbox.world.records import Change, Entry, Update
from unsub.sandbox.world.store import Memory

from .html import MOST_ROWS, clock, folded, row, section, table

MOST_SUBSCRIBERS = 50


def updates(memory: Memory) -> str:
    """Return the section of updates, or "" where there are none."""
    done = memory.updates()
    if not done:
        return ""
    heads = ("Time (UTC)", "Unit", "SubscriberID", "Given")
    rows = (
        (clock(x), x.mid, f"{x.subscriber_id} {x.subscriber_key}", _given(x.given))
        for x in reversed(done[-MOST_ROWS:])
    )
    return section("Updates, newest first", table(heads, rows))


def _given(change: Change) -> str:
    fields = {
        "EmailAddress": change.email,
        "EmailTypePreference": change.email_type,
        "Status": change.status,
        **change.attributes,
    }
    given = [f"{name}: {value}" for name, value in fields.items() if value is not None]
    lists = [f"list {x.list_id} {x.action} {x.status or ''}".strip() for x in change.lists]
    return ", ".join(given + lists)


def _pairs(values: Mapping[str, str]) -> str:
    return ", ".join(f"{name}: {value}" for name, value in values.items() if value)


def people(memory: Memory, search: str = "") -> str:
    """Return the section of subscribers with their status on every list, folded unless one was
    searched for."""
    lists = [x for x in memory.lists.values() if x.kind is not ListKind.SUPPRESSION]
    names = (f"{x.name} ({x.list_id})" for x in lists)
    heads = ("SubscriberID", "SubscriberKey", "Status", *names, "Attributes")
    chosen = _found(memory, search) if search else _shown(memory)
    body = "".join(_person(memory, subscriber, lists) for subscriber in chosen)
    places = f"<table><thead>{row('th', heads)}</thead><tbody>{body}</tbody></table>"
    shown, known = len(chosen), len(memory.subscribers)
    note = f'<p class="quiet">{shown} of {known}, the latest first.</p>' if shown < known else ""
    form = (
        '<form action="/#subscribers" role="search" class="fields"><label>SubscriberID, key or '
        f'address <input type="search" name="q" value="{escape(search)}" maxlength="254"></label>'
        "<button>Search</button></form>"
    )
    nothing = "<p>No such subscriber.</p>"
    return folded(
        f"Subscribers: {known}",
        form + note + (places if chosen else nothing),
        name="subscribers", is_open=bool(search),
    )  # fmt: skip


def _found(memory: Memory, search: str) -> list[Subscriber]:
    """Return the subscribers whose ID, key or address has the text in it."""
    wanted = search.strip().lower()
    found = (
        one
        for one in memory.subscribers.values()
        if wanted in f"{one.subscriber_id} {one.key} {one.email}".lower()
    )
    return list(islice(found, MOST_SUBSCRIBERS))


def _shown(memory: Memory) -> list[Subscriber]:
    """Return the subscribers to list: all where there is room, else the most recently changed
    first."""
    everybody = memory.subscribers
    if len(everybody) <= MOST_SUBSCRIBERS:
        return list(everybody.values())
    records: Iterable[Entry | Update] = (
        *memory.entries("event"),
        *memory.entries("master"),
        *memory.updates(),
    )
    latest = sorted(records, key=lambda x: -x.id)
    wanted = dict.fromkeys(entry.subscriber_id for entry in latest)
    wanted.update(dict.fromkeys(islice(everybody, MOST_SUBSCRIBERS)))
    return [everybody[x] for x in wanted if x in everybody][:MOST_SUBSCRIBERS]


def _person(memory: Memory, subscriber: Subscriber, lists: Iterable[MailList]) -> str:
    statuses = (subscriber.status, *(memory.people.status(subscriber, item) for item in lists))
    cells = "".join(f"<td>{_pill(status)}</td>" for status in statuses)
    about = f"{subscriber.email}, {subscriber.email_type}"
    return (
        f"<tr><td>{subscriber.subscriber_id}</td><td>{escape(subscriber.key)}<br>"
        f'<span class="quiet">{escape(about)}</span></td>{cells}'
        f'<td class="quiet">{escape(_pairs(subscriber.attributes))}</td></tr>'
    )


def _pill(status: str) -> str:
    if not status:
        return '<span class="quiet">-</span>'
    css = "pill" if status == "Active" else "pill gone"
    return f'<span class="{css}">{escape(status)}</span>'
