"""The page at `/`: the sandbox's current state, for people to watch, and the controls of faults."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from unsub.sandbox.world.entities import Job
from unsub.sandbox.world.records import Entry
from unsub.sandbox.world.store import Memory

from .html import MOST_ROWS, STYLE, clock, folded, section, table
from .page_data import data_extensions
from .page_emails import EmailRow, emails
from .page_faults import controls
from .page_people import people, updates

REFRESH_SECONDS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class PageOptions:
    """What the reader chose: `live` reloads the page by itself, without what can be typed or
    unfolded; `search` looks for subscribers; `problem` is why a fault was not injected."""

    live: bool = False
    search: str = ""
    problem: str = ""


def render(
    memory: Memory,
    cues: Sequence[dict[str, Any]],
    samples: Sequence[EmailRow] = (),
    options: PageOptions | None = None,
) -> bytes:
    """Return the page as UTF-8 HTML: no script, no external resources."""
    options = options or PageOptions()
    events = memory.entries("event")
    masters = memory.entries("master")
    happened = f"{_events(events, options)}{_masters(masters)}{updates(memory)}"
    rest = (
        f"{controls(cues, options.problem)}{emails(memory, samples)}"
        f"{people(memory, options.search)}"
        f"{data_extensions(memory, options.search)}{_jobs(memory)}{_also(memory)}"
    )
    refresh = f'<meta http-equiv="refresh" content="{REFRESH_SECONDS}">' if options.live else ""
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
{refresh}
<title>Marketing Cloud stand-in: {len(events)} UnsubEvents</title>
<link rel="icon" href="data:,">
<style>{STYLE}</style></head><body>
<header><h1>Marketing Cloud stand-in</h1>
<p>{len(events)} UnsubEvents and {len(masters)} master unsubscribes without one,
among {len(memory.subscribers)} invented subscribers. None reaches the real one.</p>
<nav aria-label="Sections"><a href="/#events">Events</a> <a href="/#faults">Faults</a>
<a href="/#emails">Emails</a> <a href="/#subscribers">Subscribers</a>
<a href="/#data">Data extensions</a>
<a href="/links">Links of the snippet</a></nav></header>
<main>{happened}{"" if options.live else rest}
</main></body></html>
""".encode()


def _events(events: Sequence[Entry], options: PageOptions) -> str:
    seconds = f"every {REFRESH_SECONDS} seconds"
    ways = (
        f'<p><a class="button" href="/">Stop reloading</a> Reloads {seconds}, without the rest.</p>'
        if options.live
        else '<p><a class="button" href="/">Reload</a> '
        f'<a class="button" href="/?live=1">Reload {seconds}</a></p>'
    )
    if not events:
        body = "<p>None yet. Open an email below, unsubscribe, and reload.</p>"
        return section("UnsubEvents", ways + body, name="events")
    heads = ("Time (UTC)", "Unit", "SubscriberID", "JobID", "ListID", "BatchID", "Reason")
    rows = (
        (
            clock(entry),
            entry.mid,
            f"{entry.subscriber_id} {entry.subscriber_key}",
            entry.job_id,
            entry.list_id,
            entry.batch_id,
            entry.reason,
        )
        for entry in reversed(events[-MOST_ROWS:])
    )
    return section("UnsubEvents, newest first", ways + table(heads, rows), name="events")


def _masters(masters: Sequence[Entry]) -> str:
    if not masters:
        return ""
    heads = ("Time (UTC)", "Unit", "SubscriberID", "Reason")
    rows = (
        (clock(x), x.mid, f"{x.subscriber_id} {x.subscriber_key}", x.reason)
        for x in reversed(masters[-MOST_ROWS:])
    )
    title = "Master unsubscribes without an UnsubEvent, newest first"
    return section(title, table(heads, rows))


def _jobs(memory: Memory) -> str:
    heads = ("JobID", "Unit", "Sent to list", "BatchIDs", "Name")
    title = f"Jobs, newest first: {len(memory.jobs)}"
    return folded(title, table(heads, map(_job, memory.jobs.values())))


def _job(job: Job) -> tuple[object, ...]:
    return job.job_id, job.mid, job.list_id, ", ".join(map(str, job.batches)), job.name


def _also(memory: Memory) -> str:
    return (
        '<p class="quiet">For programs: <code>/events.json</code> <code>/masters.json</code> '
        "<code>/updates.json</code> <code>/rows.json</code> <code>/mails.json</code> "
        f"<code>/people.json?id={next(iter(memory.subscribers), 0)}</code> "
        "<code>/calls.json</code> <code>/faults</code> <code>/etframework.wsdl</code></p>"
    )
