"""What an email to the mailto address says: the texts that may carry a token, or why it does not
count. Pure: no I/O, no key.

A mail client makes most of these emails, and often they are empty but for the subject. The address
that an email comes from says nothing, and is looked at only to recognise bounces.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import message_from_bytes
from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import Message
from enum import StrEnum
from itertools import islice
from typing import Any

HEAD_MAX = 128 * 1024  # octets that are read: headers come first, and tokens are short
BODY_MAX = 8192  # characters of the body that are looked at
TEXTS_MAX = 4  # texts tried for one email
PARAMETERS_MAX = 2000  # characters of a header whose parameters are read
HOPS_MAX = 50  # Received headers; more are a loop (RFC 5321, section 6.3)
# The begin of a token as a word of its own: base64url of a brace. "Survey" has none.
_BEGIN = re.compile(r"(?<![A-Za-z0-9_.-])e[wy][A-Za-z0-9_-]{2}")
# A body counts only where the token comes first, perhaps behind the word that some write: further
# down it may be an email that is quoted.
_FIRST = re.compile(r"\W*(?:unsubscribe\W+)?(?=e[wy][A-Za-z0-9_-]{2})", re.IGNORECASE)
_NO_TEXT = re.compile(r"<(?:style|script|title)\b", re.IGNORECASE)
# Whole, but for white space of folding.
_ONLY_TOKEN = re.compile(r"\s*e[wy][A-Za-z0-9_.\s-]+")
_MACHINES = re.compile(r"<?(mailer-daemon|postmaster|double-bounce)(@|>|$)")
# Headers that only programs add that answer by themselves.
_ANSWERING = ("X-Autoreply", "X-Autorespond", "X-Vacation")
_BULK = frozenset({"bulk", "junk", "list"})
_LISTS = ("List-Id", "List-Post", "Mailing-List", "X-BeenThere")


class Ignored(StrEnum):
    """Why an email does not count. The value is the label of the metric."""

    BOUNCE = "bounce"
    AUTOMATIC = "automatic"
    MAILING_LIST = "mailing_list"
    LOOP = "loop"


class _Message(Message):
    """A message, or a part of one."""

    def get_param(
        self, param: str, failobj: Any = None, header: str = "content-type", unquote: bool = True
    ) -> Any:
        """Return a parameter, such as `boundary`; `failobj` where the header is longer than any
        program makes it: the time that it takes grows with the square of its length."""
        if len(str(self.get(header, ""))) > PARAMETERS_MAX:
            return failobj
        return super().get_param(param, failobj, header, unquote)


@dataclass(frozen=True, slots=True, kw_only=True)
class Email:
    """Texts to read a token from, the likeliest first; or why there are none to read."""

    texts: tuple[str, ...] = field(default=(), repr=False)
    ignored: Ignored | None = None


def read(content: bytes, *, sender: str) -> Email:
    """Return what an email says. `sender` is that of the envelope; "" or `<>` is none. Never
    raises for what is in an email."""
    head = content[:HEAD_MAX]
    try:
        return _read(_parsed(head), sender)
    except (RecursionError, MessageError, LookupError, ValueError, TypeError):
        # Parts in a thousand parts, for example: the headers alone.
        return _read(_parsed(head.partition(b"\r\n\r\n")[0]), sender)


def _parsed(content: bytes) -> Message:
    return message_from_bytes(content, _class=_Message)


def _read(message: Message, sender: str) -> Email:
    subject = _subject(message)
    ignored = _why_ignored(message, sender.strip().lower(), subject)
    if ignored:
        return Email(ignored=ignored)
    return Email(texts=tuple(islice(_texts(message, subject), TEXTS_MAX)))


def _texts(message: Message, subject: str) -> Iterator[str]:
    """Yield what may begin with a token: the subject from each word on that may be one, the whole
    subject, and a body that begins with one."""
    for found in islice(_BEGIN.finditer(subject), TEXTS_MAX - 2):
        yield subject[found.start() :]
    if "." in subject:
        yield subject
    body = _body(message)
    if found_first := _FIRST.match(body):
        yield body[found_first.end() :]


def _why_ignored(message: Message, sender: str, subject: str) -> Ignored | None:
    """Return why an email does not count, or None."""
    if len(message.get_all("Received", [])) > HOPS_MAX:
        return Ignored.LOOP
    if sender in {"", "<>"} or _MACHINES.match(sender) or _is_report(message):
        return Ignored.BOUNCE
    if _is_automatic(message, subject):
        return Ignored.AUTOMATIC
    if any(name in message for name in _LISTS) or _word(message, "Precedence") in _BULK:
        return Ignored.MAILING_LIST
    return None


def _is_report(message: Message) -> bool:
    """Return whether it is a delivery report, a receipt, or another report (RFC 6522)."""
    kind = message.get_content_type()
    return (
        kind in {"multipart/report", "message/delivery-status", "message/disposition-notification"}
        or "X-Failed-Recipients" in message
        or _word(message, "Return-Path") == "<>"
    )


def _is_automatic(message: Message, subject: str) -> bool:
    """Return whether a program answers by itself (RFC 3834).

    `auto-generated` alone is no answer: a mail client may say it of the unsubscribe that it makes
    for its user. It counts where the subject is the token alone and the email answers no other one;
    out-of-office replies of Exchange say `auto-generated`, too, behind a prefix.
    """
    if any(name in message for name in _ANSWERING):
        return True
    if _word(message, "Precedence") == "auto_reply":
        return True
    said = _word(message, "Auto-Submitted").partition(";")[0].strip()
    if said in {"", "no"}:
        return False
    answers = "In-Reply-To" in message or "References" in message
    return said != "auto-generated" or answers or not _ONLY_TOKEN.fullmatch(subject)


def _word(message: Message, name: str) -> str:
    """Return the value of a header in lower case, or ""."""
    return str(message.get(name, "")).strip().lower()


def _subject(message: Message) -> str:
    """Return the subject, unfolded and decoded (RFC 2047); as it is written where that fails."""
    # As text: of a header with octets beyond ASCII, which a server may have put before it, encoded
    # words are not decoded.
    raw = str(message.get("Subject", ""))
    try:
        return str(make_header(decode_header(raw)))
    except (MessageError, LookupError, ValueError):
        return raw


def _body(message: Message) -> str:
    """Return the beginning of the text of an email, of its plain part if there is one; "" where
    there is none."""
    for kind in ("text/plain", "text/html"):
        for part in message.walk():
            if part.get_content_type() == kind and part.get_content_disposition() != "attachment":
                return _text(part)[:BODY_MAX]
    return ""


def _text(part: Message) -> str:
    """Return the text of a part. HTML without its markup."""
    payload = part.get_payload(decode=True)
    raw = payload if isinstance(payload, bytes) else b""
    try:
        text = raw.decode(part.get_content_charset("utf-8"), "replace")
    except (LookupError, ValueError):
        text = raw.decode("ascii", "replace")
    if part.get_content_type() != "text/html":
        return text
    return "".join(_without_tags(text[: 2 * BODY_MAX]))


def _without_tags(html: str) -> Iterator[str]:
    """Yield what stands between the tags. In one pass: an expression that looks for the end of each
    tag anew takes minutes for an email that is made for it, and nothing else runs meanwhile."""
    at = 0
    while (begin := html.find("<", at)) >= 0:
        yield html[at:begin]
        if _NO_TEXT.match(html, begin):
            begin = html.find("</", begin)
        at = html.find(">", begin) + 1 if begin >= 0 else 0
        if not at:
            return
    yield html[at:]
