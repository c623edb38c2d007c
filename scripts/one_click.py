"""Test whether a URL accepts one-click unsubscribes (RFC 8058) as mailbox providers send them.

    python -m scripts.one_click URL        `make one-click URL=...`

POSTs to the URL in the forms that email clients and providers use, as documented or as reported in
the issue trackers of other projects. Works with any URL, and unsubscribes the subscriber of the
link.
"""

import http.client
import sys
import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from .steps import say

FORM = "application/x-www-form-urlencoded"
WORDS = b"List-Unsubscribe=One-Click"
TIMEOUT = 20.0


def multipart(boundary: str, value: str = "One-Click") -> bytes:
    """Return the form as RFC 8058 prefers it."""
    part = f'Content-Disposition: form-data; name="List-Unsubscribe"\r\n\r\n{value}'
    return f"--{boundary}\r\n{part}\r\n--{boundary}--\r\n".encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One form of the request, where it was seen, and the acceptable statuses."""

    name: str
    source: str
    method: str = "POST"
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    ending: str = ""
    statuses: tuple[int, ...] = (200, 202, 204)


def _post(name: str, source: str, body: bytes = WORDS, kind: str = FORM, **more: str) -> Case:
    headers = ({"Content-Type": kind} if kind else {}) | {
        key.replace("_", "-"): value for key, value in more.items()
    }
    return Case(name=name, source=source, body=body, headers=headers)


ODD = "=_NextPart 'a'(b)+_,-./:=? c"
SAFE = (200, 204, 302, 303, 405)
CASES = (
    _post("urlencoded", "RFC 8058, 3.2; Gmail's sample"),
    _post("multipart", "RFC 8058, 3.2", multipart("b1"), "multipart/form-data; boundary=b1"),
    _post("multipart, unusual boundary", "RFC 2046, 5.1.1", multipart(ODD),
          f'multipart/form-data; boundary="{ODD}"'),
    _post("with a charset", "clients", WORDS, f"{FORM}; charset=UTF-8"),
    _post("with another charset", "clients", WORDS, f"{FORM}; charset=ISO-8859-1"),
    _post("in lower case", "clients", b"list-unsubscribe=one-click"),
    _post("in capitals", "clients", b"LIST-UNSUBSCRIBE=ONE-CLICK"),
    _post("extra fields", "clients", WORDS + b"&email=a&x=1"),
    _post("a trailing line break", "clients", WORDS + b"\r\n"),
    _post("no body", "thunderbird add-on #8", b""),
    _post("no Content-Type", "thunderbird add-on PR#9", WORDS, ""),
    _post("plain text", "Notifuse#362", WORDS, "text/plain"),
    _post("JSON", "Notifuse#362", b"{}", "application/json"),
    _post("no cookie, Origin null", "RFC 8058, 3.1", Origin="null"),
    _post("another origin", "django-newsletter; blurts-server#1108",
          Origin="https://webmail.example.com", Referer="https://webmail.example.com/"),
    _post("an unrelated cookie", "bike_index PR#4077", Cookie="sessionid=x; csrftoken=y"),
    _post("a user agent of a bot", "Notifuse", User_Agent="Mozilla/5.0 (compatible; bot/1.0)"),
    _post("no user agent", "providers", User_Agent=""),
    _post("Accept: an unknown type", "providers", Accept="application/x-none"),
    _post("the same request again", "providers repeat requests"),
    Case(name="with a trailing slash", source="Rock#5770", body=WORDS,
         headers={"Content-Type": FORM}, ending="/"),
    Case(name="with utm_ parameters", source="Parameter Manager", body=WORDS,
         headers={"Content-Type": FORM}, ending="?utm_source=mail"),
    Case(name="HEAD", source="phpList#1082, PasswordPusher#2180", method="HEAD", statuses=SAFE),
    Case(name="GET", source="Rock#6040", method="GET", statuses=(200,)),
    Case(name="OPTIONS", source="webmail", method="OPTIONS", statuses=SAFE),
)  # fmt: skip


def main(arguments: list[str]) -> int:
    """Return 0 if every case got an acceptable answer, else 1."""
    if len(arguments) != 1 or not urlsplit(arguments[0]).hostname:
        say(__doc__ or "")
        return 2
    failed = 0
    for case in CASES:
        problem, took = ask(arguments[0], case)
        failed += bool(problem)
        say(f"{'FAIL' if problem else 'ok  '} {took * 1000:6.0f} ms  {case.name} [{case.source}]"
            f"{': ' + problem if problem else ''}")  # fmt: skip
    say(f"{len(CASES) - failed} of {len(CASES)} passed")
    return 1 if failed else 0


def ask(url: str, case: Case) -> tuple[str, float]:
    """Return what was wrong with the answer, or "", and the seconds it took."""
    started = time.monotonic()
    try:
        status, headers = _exchange(url, case)
    except (OSError, http.client.HTTPException) as err:
        return f"no answer ({type(err).__name__})", time.monotonic() - started
    took = time.monotonic() - started
    if case.method == "POST" and 300 <= status < 400:
        return f"{status}: a redirect, which RFC 8058 forbids", took
    if status not in case.statuses:
        return f"status {status}", took
    return ("sets a cookie", took) if "set-cookie" in headers else ("", took)


def _exchange(url: str, case: Case) -> tuple[int, dict[str, str]]:
    """Return status and headers of the answer."""
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=TIMEOUT)
    path = parts.path + (f"?{parts.query}" if parts.query else "") + case.ending
    try:
        connection.request(case.method, path, body=case.body, headers=case.headers)
        response = connection.getresponse()
        response.read()
        return response.status, {name.lower(): value for name, value in response.getheaders()}
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
