"""The page at `/`: the sandbox's current state, for people to watch."""

from collections.abc import Sequence
from html import escape
from typing import Any

from unsub.sandbox.world.entities import Job
from unsub.sandbox.world.records import Entry
from unsub.sandbox.world.store import Memory

from .html import MOST_ROWS, STYLE, clock, section, table
from .page_people import mails, people, updates

REFRESH_SECONDS = 2


def render(memory: Memory, cues: Sequence[dict[str, Any]]) -> bytes:
    """Return the page as UTF-8 HTML: no script, no external resources, refreshed every 2
    seconds."""
    events = memory.entries("event")
    masters = memory.entries("master")
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="refresh" content="{REFRESH_SECONDS}">
<title>Marketing Cloud stand-in: {len(events)} UnsubEvents</title>
<style>{STYLE}</style></head><body>
<header><h1>Marketing Cloud stand-in</h1>
<p>{len(events)} UnsubEvents and {len(masters)} master unsubscribes without one,
among {len(memory.subscribers)} invented subscribers. None reaches the real one.</p></header>
<main>{_cues(cues)}{_events(events)}{_masters(masters)}{updates(memory)}{mails(memory)}
{people(memory)}{_jobs(memory)}
<p class="quiet">Also: <a href="/links">links of the snippet</a>
<code>/events.json</code> <code>/masters.json</code>
<code>/updates.json</code> <code>/mails.json</code>
<code>/people.json?id={next(iter(memory.subscribers), 0)}</code> <code>/calls.json</code>
<code>/faults</code> <code>/etframework.wsdl</code></p>
</main></body></html>
""".encode()


def _cues(cues: Sequence[dict[str, Any]]) -> str:
    if not cues:
        return ""
    items = ", ".join(f"{_what(cue)} ({_how_often(cue)})" for cue in cues)
    return f'<section class="cues"><strong>Faults on cue:</strong> {escape(items)}</section>'


def _what(cue: dict[str, Any]) -> str:
    return f"{cue['kind']} of {cue['operation']}" if cue["operation"] else str(cue["kind"])


def _how_often(cue: dict[str, Any]) -> str:
    return "until cleared" if cue["times"] is None else f"{cue['times']} more"


def _events(events: Sequence[Entry]) -> str:
    if not events:
        return section("UnsubEvents", "<p>None yet. Unsubscribe somebody and watch.</p>")
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
    return section("UnsubEvents, newest first", table(heads, rows))


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
    return section("Jobs, newest first", table(heads, map(_job, memory.jobs.values())))


def _job(job: Job) -> tuple[object, ...]:
    return job.job_id, job.mid, job.list_id, ", ".join(map(str, job.batches)), job.name
