"""The page at `/`: what the stand-in knows, for a person to watch while the project works."""

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

from .memory import Memory
from .records import Entry
from .values import Job, ListKind, MailList, Subscriber

MOST_SUBSCRIBERS = 50
MOST_EVENTS = 100
REFRESH_SECONDS = 2

_STYLE = """
:root { color-scheme: light dark; --ink: #17202e; --soft: #586478; --paper: #f4f6f9;
  --card: #fff; --line: #dde3eb; --good: #0a6b45; --good-bg: #dff4ea; --gone: #a3281c;
  --gone-bg: #fde7e4; --warn-bg: #fff3d1; --warn: #6d4c00; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8edf5; --soft: #9fabbd;
  --paper: #11161f; --card: #1a212d; --line: #2e3848; --good: #7fe0b4; --good-bg: #12382a;
  --gone: #ffab9f; --gone-bg: #47211d; --warn-bg: #3d3212; --warn: #ffdf8a; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
header, main { max-width: 76rem; margin: 0 auto; padding: 0 1.25rem; }
header { padding-top: 2rem; }
h1 { font-size: 1.6rem; margin: 0 0 .25rem; letter-spacing: -.01em; }
h2 { font-size: 1.05rem; margin: 0 0 .75rem; }
p { margin: .25rem 0; color: var(--soft); max-width: 62ch; }
section { background: var(--card); border: 1px solid var(--line); border-radius: 12px;
  padding: 1.1rem 1.25rem; margin: 1.25rem 0; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th { text-align: left; font-weight: 600; color: var(--soft); font-size: .82rem; }
th, td { padding: .4rem .8rem .4rem 0; border-bottom: 1px solid var(--line);
  vertical-align: top; }
tr:last-child td { border-bottom: 0; }
.pill { display: inline-block; padding: .05rem .55rem; border-radius: 99px; font-size: .82rem;
  background: var(--good-bg); color: var(--good); white-space: nowrap; }
.gone { background: var(--gone-bg); color: var(--gone); }
.cues { background: var(--warn-bg); border-color: transparent; color: var(--warn); }
.quiet { color: var(--soft); font-size: .85rem; }
code { font-size: .88em; }
"""


def render(memory: Memory, cues: Sequence[dict[str, Any]]) -> bytes:
    """Return the page as UTF-8 HTML: no script, nothing from elsewhere, fresh every 2 seconds."""
    events = memory.entries("event")
    masters = memory.entries("master")
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="refresh" content="{REFRESH_SECONDS}">
<title>Marketing Cloud stand-in: {len(events)} UnsubEvents</title>
<style>{_STYLE}</style></head><body>
<header><h1>Marketing Cloud stand-in</h1>
<p>{len(events)} UnsubEvents and {len(masters)} master unsubscribes without one,
among {len(memory.subscribers)} invented subscribers. None reaches the real one.</p></header>
<main>{_cues(cues)}{_events(events)}{_masters(masters)}{_people(memory)}{_jobs(memory)}
<p class="quiet">Also: <code>/events.json</code> <code>/masters.json</code>
<code>/calls.json</code> <code>/faults</code> <code>/etframework.wsdl</code></p>
</main></body></html>
""".encode()


def _cues(cues: Sequence[dict[str, Any]]) -> str:
    if not cues:
        return ""
    items = ", ".join(f"{cue['kind']} ({_how_often(cue)})" for cue in cues)
    return f'<section class="cues"><strong>Faults on cue:</strong> {escape(items)}</section>'


def _how_often(cue: dict[str, Any]) -> str:
    return "until cleared" if cue["times"] is None else f"{cue['times']} more"


def _events(events: Sequence[Entry]) -> str:
    if not events:
        return _section("UnsubEvents", "<p>None yet. Unsubscribe somebody and watch.</p>")
    heads = ("Time (UTC)", "Unit", "SubscriberID", "JobID", "ListID", "BatchID", "Reason")
    rows = (
        (
            _time(entry),
            entry.mid,
            f"{entry.subscriber_id} {entry.subscriber_key}",
            entry.job_id,
            entry.list_id,
            entry.batch_id,
            entry.reason,
        )
        for entry in reversed(events[-MOST_EVENTS:])
    )
    return _section("UnsubEvents, newest first", _table(heads, rows))


def _masters(masters: Sequence[Entry]) -> str:
    if not masters:
        return ""
    heads = ("Time (UTC)", "Unit", "SubscriberID", "Reason")
    rows = (
        (_time(x), x.mid, f"{x.subscriber_id} {x.subscriber_key}", x.reason)
        for x in reversed(masters[-MOST_EVENTS:])
    )
    title = "Master unsubscribes without an UnsubEvent, newest first"
    return _section(title, _table(heads, rows))


def _people(memory: Memory) -> str:
    lists = [x for x in memory.lists.values() if x.kind is not ListKind.SUPPRESSION]
    heads = ("SubscriberID", "SubscriberKey", *(f"{x.name} ({x.list_id})" for x in lists))
    people = _shown(memory)
    body = "".join(_person(memory, person, lists) for person in people)
    table = f"<table><thead>{_row('th', heads)}</thead><tbody>{body}</tbody></table>"
    shown, known = len(people), len(memory.subscribers)
    note = "" if shown == known else f'<p class="quiet">{shown} of {known}, the latest first.</p>'
    return _section("Subscribers", note + table)


def _shown(memory: Memory) -> list[Subscriber]:
    """Return whom to list: everybody where there is room, else those who left something first."""
    everybody = memory.subscribers
    if len(everybody) <= MOST_SUBSCRIBERS:
        return list(everybody.values())
    entries = sorted(memory.entries("event") + memory.entries("master"), key=lambda x: -x.id)
    wanted = dict.fromkeys(entry.subscriber_id for entry in entries)
    wanted.update(dict.fromkeys(list(everybody)[:MOST_SUBSCRIBERS]))
    return [everybody[x] for x in wanted if x in everybody][:MOST_SUBSCRIBERS]


def _person(memory: Memory, person: Subscriber, lists: Iterable[MailList]) -> str:
    cells = "".join(f"<td>{_pill(memory.people.status(person, item))}</td>" for item in lists)
    return f"<tr><td>{person.subscriber_id}</td><td>{escape(person.key)}</td>{cells}</tr>"


def _pill(status: str) -> str:
    css = "pill" if status == "Active" else "pill gone"
    return f'<span class="{css}">{status}</span>'


def _jobs(memory: Memory) -> str:
    heads = ("JobID", "Unit", "Sent to list", "BatchIDs", "Name")
    return _section("Jobs, newest first", _table(heads, map(_job, memory.jobs.values())))


def _job(job: Job) -> tuple[object, ...]:
    return job.job_id, job.mid, job.list_id, ", ".join(map(str, job.batches)), job.name


def _time(entry: Entry) -> str:
    return entry.at[:19].replace("T", " ")


def _section(title: str, body: str) -> str:
    return f'<section><h2>{escape(title)}</h2><div class="wide">{body}</div></section>'


def _table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    body = "".join(_row("td", row) for row in rows)
    return f"<table><thead>{_row('th', heads)}</thead><tbody>{body}</tbody></table>"


def _row(tag: str, cells: Iterable[object]) -> str:
    texts = ("" if cell is None else escape(str(cell)) for cell in cells)
    return f"<tr>{''.join(f'<{tag}>{text}</{tag}>' for text in texts)}</tr>"
