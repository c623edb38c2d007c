"""The page's section of emails: those of triggered sends and of sample jobs, as their readers see
them."""

from collections.abc import Sequence
from html import escape
from typing import Protocol

from unsub.sandbox.world.records import Mail
from unsub.sandbox.world.store import Memory

from .html import clock, section

MOST_EMAILS = 20
# Subject, what it says, and the button, by the customer key of the triggered send definition. What
# it is about comes from the send.
_TEXTS = {
    "confirm-subscription": (
        "Confirm your subscription", "You asked to get emails: {about}.", "Confirm",
    ),
    "confirm-address": (
        "Confirm your new email address", "Emails from {about} will go to this address.", "Confirm",
    ),
    "address-notice": (
        "Your email address is being changed",
        "Someone asked to send the emails of {about} to another address.",
        "Look at the change",
    ),
    "new-link": (
        "Your link", "The link opens your preferences for {about}.", "Open your preferences",
    ),
    "ask-back": (
        "Do you want our emails again?", "Your pause is over: {about}.", "Start again",
    ),
}  # fmt: skip
_OTHER = ("An email with a link", "About: {about}.", "Open the link")


class EmailRow(Protocol):
    """A sample email of a job. The sandbox knows no key: its command makes the links."""

    @property
    def sender(self) -> str:
        """The name in From."""

    @property
    def to(self) -> str:
        """The address that it goes to."""

    @property
    def subject(self) -> str:
        """The subject."""

    @property
    def about(self) -> str:
        """What the link does, as a sentence for whoever tries it."""

    @property
    def unsubscribe_url(self) -> str:
        """The link in its footer and its headers."""

    @property
    def preferences_url(self) -> str:
        """The link of its button."""


def emails(memory: Memory, samples: Sequence[EmailRow]) -> str:
    """Return the section of emails, newest first, then those of sample jobs."""
    sent = list(reversed(memory.mails()[-MOST_EMAILS:]))
    first = "".join(_triggered(memory, mail, is_open=not at) for at, mail in enumerate(sent))
    nothing = "<p>No email with a link was sent yet.</p>"
    more = "".join(map(_sample, samples))
    note = '<h3>Of sample jobs</h3><p class="quiet">Their links are real ones.</p>' if more else ""
    body = f"<h3>Of triggered sends, newest first</h3>{first or nothing}{note}{more}"
    return section("Emails", body, name="emails")


def _triggered(memory: Memory, mail: Mail, *, is_open: bool) -> str:
    subject, text, button = _TEXTS.get(mail.definition, _OTHER)
    unit = memory.units.get(mail.mid)
    name = unit.name if unit else str(mail.mid)
    about = mail.attributes.get("ProfileCentreAbout", "") or name
    headers = [
        ("From", f"{name} <news@example.com>"),
        ("To", mail.email),
        ("Subject", subject),
        ("Date", f"{clock(mail)} UTC"),
        ("X-Definition", f"{mail.definition} (SubscriberKey {mail.subscriber_key})"),
        *((f"X-{key}", value) for key, value in mail.attributes.items()),
    ]
    footer = "<p>Sent as transactional: without a link to unsubscribe.</p>"
    return _card(
        headers, text.format(about=about), mail.attributes.get("ProfileCentreLink", ""), button,
        footer=footer, is_open=is_open,
    )  # fmt: skip


def _sample(row: EmailRow) -> str:
    one_click = "List-Unsubscribe=One-Click"
    headers = [
        ("From", f"{row.sender} <news@example.com>"),
        ("To", row.to),
        ("Subject", row.subject),
        ("List-Unsubscribe", f"<{row.unsubscribe_url}>"),
        ("List-Unsubscribe-Post", one_click),
    ]
    url = escape(row.unsubscribe_url)
    name, value = one_click.split("=")
    footer = (
        f'<p>You get this email because you subscribed. <a href="{url}">Unsubscribe</a></p>'
        f'<form method="post" action="{url}" target="_blank" rel="noopener noreferrer">'
        f'<input type="hidden" name="{name}" value="{value}">'
        "<button>Unsubscribe with one click, as a mailbox provider does</button></form>"
        f'<p class="quiet">{escape(row.about)}</p>'
    )
    return _card(
        headers, "The newsletter.", row.preferences_url, "Email preferences", footer=footer
    )


def _card(
    headers: Sequence[tuple[str, str]], text: str, url: str, button: str, *, footer: str,
    is_open: bool = False,
) -> str:  # fmt: skip
    """Return an email: its head to unfold it by, its body with a button, its footer and all of its
    headers."""
    known = dict(headers)
    lines = "\n".join(f"{name}: {value}" for name, value in headers)
    act = (
        f'<p><a class="button go" href="{escape(url)}" target="_blank" rel="noopener noreferrer">'
        f"{escape(button)}</a></p>"
        if url
        else ""
    )
    return f"""<details class="email"{" open" if is_open else ""}>
<summary><b>{escape(known["Subject"])}</b> <span class="quiet">{escape(known["From"])}
to {escape(known["To"])}{f", {escape(known['Date'])}" if "Date" in known else ""}</span></summary>
<article><h4>{escape(known["Subject"])}</h4><p>{escape(text)}</p>{act}<footer>{footer}</footer>
<details><summary>Headers</summary><pre>{escape(lines)}</pre></details></article></details>"""
