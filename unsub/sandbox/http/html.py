"""HTML parts of the page: sections, tables and style. Cell texts are escaped."""

from collections.abc import Iterable, Sequence
from html import escape

from unsub.sandbox.world.records import Record

MOST_ROWS = 100

STYLE = """
:root { color-scheme: light dark; --ink: #17202e; --soft: #586478; --paper: #f4f6f9;
  --card: #fff; --line: #dde3eb; --good: #0a6b45; --good-bg: #dff4ea; --gone: #a3281c;
  --gone-bg: #fde7e4; --warn-bg: #fff3d1; --warn: #6d4c00;
  --edge: #7c8492; --act: #1d4f91; --act-ink: #fff; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8edf5; --soft: #9fabbd;
  --paper: #11161f; --card: #1a212d; --line: #2e3848; --good: #7fe0b4; --good-bg: #12382a;
  --gone: #ffab9f; --gone-bg: #47211d; --warn-bg: #3d3212;
  --warn: #ffdf8a; --edge: #7c8493; --act: #8ab8f5; --act-ink: #0b1f3a; } }
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
td { white-space: nowrap; }
td:last-child { white-space: normal; overflow-wrap: anywhere; min-width: 14rem; }
.quiet { color: var(--soft); font-size: .85rem; }
a { color: inherit; }
code { font-size: .88em; }
nav { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; margin-top: .75rem; }
nav a { padding: .25rem 0; }
h3 { margin: 1rem 0 .5rem; font-size: .95rem; } h4 { margin: 0 0 .5rem; font-size: 1.15rem; }
summary { padding: .25rem 0; cursor: pointer; } summary h2 { display: inline; margin: 0; }
.button, button { display: inline-block; min-height: 2.25rem; padding: .375rem .875rem;
  border: 1px solid var(--edge);
  border-radius: 8px; background: var(--card); color: var(--ink); font: inherit;
  text-decoration: none; cursor: pointer; }
.go { border-color: transparent; background: var(--act); color: var(--act-ink); font-weight: 600; }
:focus-visible { outline: 3px solid var(--ink); outline-offset: 2px; }
.fields { display: flex; flex-wrap: wrap; align-items: end; gap: .75rem; margin: .75rem 0; }
.fields label { display: grid; gap: .25rem; min-width: 0; max-width: 100%; font-size: .85rem; }
select, input { min-height: 2.25rem; max-width: 100%; padding: .25rem .5rem;
  border: 1px solid var(--edge);
  border-radius: 8px; background: var(--card); color: inherit; font: inherit; }
.cues { padding: .75rem 1rem; border-radius: 8px; } .cues p { color: inherit; }
  .cues ul { margin: .25rem 0 .5rem; padding-left: 1.25rem; }
.wrong { color: var(--gone); font-weight: 600; }
.email { border: 1px solid var(--line); border-radius: 8px; margin: .5rem 0;
  padding: .375rem .875rem; }
.email article { max-width: 34rem; margin: .75rem auto; padding: 1.25rem;
  border: 1px solid var(--line); border-radius: 8px; }
.email article p { margin: .5rem 0; color: inherit; }
  .email summary .quiet { overflow-wrap: anywhere; }
.email footer { margin: 1.25rem 0 .5rem; padding-top: .75rem; border-top: 1px solid var(--line);
  font-size: .88rem; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; font-size: .82rem; }
"""


def section(title: str, body: str, *, name: str = "") -> str:
    """Return a section that scrolls sideways where its body is too wide. `name` is its anchor."""
    return f"<section{_anchor(name)}><h2>{escape(title)}</h2>{_wide(title, body)}</section>"


def folded(title: str, body: str, *, name: str = "", is_open: bool = False) -> str:
    """Return a section that is closed until somebody opens it."""
    state = " open" if is_open else ""
    head = f"<summary><h2>{escape(title)}</h2></summary>"
    return f"<section{_anchor(name)}><details{state}>{head}{_wide(title, body)}</details></section>"


def _anchor(name: str) -> str:
    return f' id="{name}"' if name else ""


def _wide(title: str, body: str) -> str:
    """Return what scrolls by itself; a keyboard reaches it where it has a table."""
    by_key = f' tabindex="0" role="region" aria-label="{escape(title)}"' if "<table" in body else ""
    return f'<div class="wide"{by_key}>{body}</div>'


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table. Cells are any values; None is an empty cell."""
    body = "".join(row("td", one) for one in rows)
    return f"<table><thead>{row('th', heads)}</thead><tbody>{body}</tbody></table>"


def row(tag: str, cells: Iterable[object]) -> str:
    """Return a table row with cells of that tag."""
    texts = ("" if cell is None else escape(str(cell)) for cell in cells)
    return f"<tr>{''.join(f'<{tag}>{text}</{tag}>' for text in texts)}</tr>"


def clock(record: Record) -> str:
    """Return the time of a record, to the second."""
    return record.at[:19].replace("T", " ")
