"""The List-Unsubscribe headers of an email: RFC 2369 (form), 6068 (mailto), 8058 (one-click)."""

from dataclasses import dataclass

NAME = "List-Unsubscribe"
POST_NAME, POST = "List-Unsubscribe-Post", "List-Unsubscribe=One-Click"
LINE_MAX = 998  # octets of a line without its end (RFC 5322, section 2.1.1)
SUBJECT_MAX = 255  # characters that Outlook keeps of a subject


@dataclass(frozen=True, slots=True, kw_only=True)
class Headers:
    """The value of List-Unsubscribe, in one line or two, and whether it has the mailto address."""

    value: str
    has_mailto: bool = False

    @property
    def line(self) -> int:
        """The length of the longest line of the header, in octets."""
        return max(len(line) for line in f"{NAME}: {self.value}".splitlines())

    @property
    def text(self) -> str:
        """Both headers."""
        return f"{NAME}: {self.value}\n{POST_NAME}: {POST}"


def list_unsubscribe(url: str, *, token: str, mailto: str = "", folded: bool = False) -> Headers:
    """Return the header for a link and, where `mailto` is an address, for an email to it; `folded`:
    with a line for each.

    The token is the email's subject. One that Outlook would cut is in its body as well. An address
    with which a line would be longer than it may be is left out: the link is what mailbox providers
    require. A token needs no escaping in a URL.
    """
    link = f"<{url}>"
    if not mailto:
        return Headers(value=link)
    between = ",\n " if folded else ", "
    subject = f"mailto:{mailto}?subject={token}"
    choices = [subject] if len(token) <= SUBJECT_MAX else [f"{subject}&body={token}", subject]
    for choice in choices:
        made = Headers(value=f"{link}{between}<{choice}>", has_mailto=True)
        if made.line <= LINE_MAX:
            return made
    return Headers(value=link)
