"""The page's controls: which faults are injected now, and a form for another one."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from unsub.sandbox.operations.faults import OPERATIONS, REVOKED, Cue, CueError

from .html import section

# What people look for, in their words; every kind is here (a test compares).
LABELS: Mapping[str, Mapping[str, str]] = {
    "Slow, or busy": {
        "latency": "Latency: calls wait (value: seconds)",
        "rate_limit_429": "Throttling: HTTP 429 (value: Retry-After)",
        "fault_17": "Throttling: rate limit fault 17",
        "fault_13": "Busy: fault 13",
        "token_429": "Throttling of tokens: HTTP 429",
    },
    "Outage": {
        "http_500": "Outage: HTTP 500",
        "http_503_html": "Outage: HTTP 503, with a page",
        "fault_9": "Maintenance: fault 9",
        "fault_10": "System down: fault 10",
        "fault_2": "Unexpected error: fault 2",
        "token_500": "No tokens: HTTP 500",
    },
    "Connections and replies": {
        "drop_before": "Dropped before the call is recorded",
        "drop_after_record": "Dropped after the call is recorded",
        "malformed_xml": "Reply cut off after the call is recorded",
        "short_results": "Reply with one result too few",
        "html_200": "A page instead of a reply: HTTP 200",
        "empty_202": "An empty reply: HTTP 202",
        "http_400": "Bad request: HTTP 400",
    },
    "Rights and credentials": {
        "permission_failed": "API Permission Failed",
        "not_authorized": "User Not Authorized",
        "fault_11": "Unit not authorised: fault 11",
        "token_expired": "The token is expired",
        REVOKED: "Every login is refused, until cleared",
    },
    "One request of a call": {
        "refuse_400": "Unsubscribe refused: 400, no such job",
        "refuse_405": "Unsubscribe refused: 405, identifiers differ",
        "refuse_406": "Unsubscribe refused: 406",
        "refuse_407": "Unsubscribe refused: 407",
        "fail_second": "The second request of a message fails",
        "update_refused": "An Update is refused",
        "resubscribe_12018": "Subscribing again is refused: 12018",
        "no_permission": "Subscribing is not permitted",
    },
}
_WORDS = {kind: words for group in LABELS.values() for kind, words in group.items()}
_HOW_LONG = (
    ("1", "once"),
    ("5", "five times"),
    ("30s", "for 30 seconds"),
    ("300s", "for 5 minutes"),
    ("", "until cleared"),
)


def controls(cues: Sequence[dict[str, Any]], problem: str) -> str:
    """Return the section of faults: what is active now, and the form."""
    wrong = f'<p class="wrong" role="alert">Not injected: {escape(problem)}.</p>' if problem else ""
    return section("Faults on cue", f"{_active(cues)}{wrong}{_form()}", name="faults")


def cue_of(form: Mapping[str, str]) -> Cue:
    """Return the fault that the form describes. Raises CueError."""
    long = form.get("long", "1")
    asked: dict[str, Any] = {"kind": form.get("kind", "")}
    if long.endswith("s"):
        asked["seconds"] = _number(long.removesuffix("s"))
    else:
        asked["times"] = int(_number(long)) if long else None
    if form.get("value"):
        asked["value"] = _number(form["value"])
    if form.get("operation"):
        asked["operation"] = form["operation"]
    return Cue.from_json(asked)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise CueError("value has to be a number, not below 0") from None


def _active(cues: Sequence[dict[str, Any]]) -> str:
    if not cues:
        return "<p>None is active: every call is answered as Marketing Cloud would.</p>"
    items = "".join(
        f"<li>{escape(_what(cue))} <b>{escape(_how_long(cue))}</b></li>" for cue in cues
    )
    return (
        f'<div class="cues" role="status"><p>Active now:</p><ul>{items}</ul>'
        '<form method="post" action="/faults/clear"><button>Clear all</button></form></div>'
    )


def _what(cue: dict[str, Any]) -> str:
    kind = str(cue["kind"])
    found = _WORDS.get(kind, kind)
    more = [f"value {cue['value']:g}"] if cue["value"] is not None else []
    more += [f"of {cue['operation']}"] if cue["operation"] else []
    more += [f"in unit {cue['mid']}"] if cue["mid"] else []
    more += [f"after {cue['after']} calls"] if cue["after"] else []
    return ", ".join([f"{found} ({kind})", *more])


def _how_long(cue: dict[str, Any]) -> str:
    times = "until cleared" if cue["times"] is None else f"{cue['times']} more"
    return times if cue["seconds"] is None else f"for {cue['seconds']:g} seconds in all"


def _form() -> str:
    kinds = "".join(
        f'<optgroup label="{escape(group)}">'
        + "".join(f'<option value="{kind}">{escape(words)}</option>' for kind, words in of.items())
        + "</optgroup>"
        for group, of in LABELS.items()
    )
    long = "".join(f'<option value="{value}">{words}</option>' for value, words in _HOW_LONG)
    which = "".join(f"<option>{one}</option>" for one in sorted(OPERATIONS))
    return f"""<form method="post" action="/faults" class="fields">
<label>Fault <select name="kind">{kinds}</select></label>
<label>How long <select name="long">{long}</select></label>
<label>Value <input name="value" inputmode="decimal" size="6" autocomplete="off"></label>
<label>Calls <select name="operation"><option value="">all</option>{which}</select></label>
<button>Inject</button></form>"""
