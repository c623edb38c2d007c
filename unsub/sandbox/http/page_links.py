"""The page at `/links`: what the snippet makes in each situation, and what such a link does."""

from collections.abc import Sequence
from html import escape
from itertools import groupby
from typing import Protocol

from .html import STYLE, section

_STYLE = """
td.claims { white-space: normal; overflow-wrap: anywhere; min-width: 20rem; max-width: 34rem; }
.test { background: var(--warn-bg); color: var(--warn); }
td.case { white-space: normal; overflow-wrap: anywhere; min-width: 9rem; max-width: 14rem; }
"""
_PILLS = {"works": "pill", "test": "pill test"}
_HEADS = "".join(f"<th>{x}</th>" for x in ("Situation", "Claims", "Link", "What the link does"))


class LinkRow(Protocol):
    """One situation and its link. The sandbox knows no key: its command makes the rows."""

    @property
    def group(self) -> str:
        """The section that it belongs to."""

    @property
    def case(self) -> str:
        """The situation."""

    @property
    def claims(self) -> str:
        """The claims, as they are signed."""

    @property
    def url(self) -> str:
        """The link."""

    @property
    def effect(self) -> str:
        """What it does, as a sentence."""

    @property
    def call(self) -> str:
        """The parameters of LogUnsubEvent, or ""."""

    @property
    def verdict(self) -> str:
        """`works`, `test`, or `does not work`."""


def render(rows: Sequence[LinkRow], note: str) -> bytes:
    """Return the page as UTF-8 HTML, without script. `note` says why there are no rows."""
    sections = "".join(
        section(group, _table(tuple(found)))
        for group, found in groupby(rows, lambda row: row.group)
    )
    body = sections or f"<section><p>{escape(note)}</p></section>"
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Links of the snippet</title>
<style>{STYLE}{_STYLE}</style></head><body>
<header><h1>Links of the snippet</h1>
<p>What the AMPscript snippet signs in each situation, and what such a link does. Open one, press
the button, and see the event on <a href="/">the first page</a>. The subscribers are invented, and
the links are signed with the first key of LINK_KEYS.</p></header>
<main>{body}</main></body></html>
""".encode()


def _table(rows: Sequence[LinkRow]) -> str:
    body = "".join(map(_row, rows))
    return f"<table><thead><tr>{_HEADS}</tr></thead><tbody>{body}</tbody></table>"


def _row(row: LinkRow) -> str:
    css = _PILLS.get(row.verdict, "pill gone")
    call = f'<br><span class="quiet">LogUnsubEvent: {escape(row.call)}</span>' if row.call else ""
    return (
        f'<tr><td class="case">{escape(row.case)}</td>'
        f'<td class="claims"><code>{escape(row.claims)}</code></td>'
        f'<td><a href="{escape(row.url)}" target="_blank" rel="noopener noreferrer">open</a></td>'
        f'<td><span class="{css}">{escape(row.verdict)}</span> {escape(row.effect)}{call}</td></tr>'
    )
