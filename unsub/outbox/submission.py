"""A submission: what one subscriber requests, by which link or through the API. A frozen value,
with its form for the spool."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime

from unsub.domain.context import Scope, UnsubContext
from unsub.domain.target import EVERYTHING, Target, TargetType
from unsub.links.claims import context_of, payload_of
from unsub.models import Channel, Kind
from unsub.models.kinds import KINDS, KindSpec
from unsub.units.opening import open_link

# The form of a spool entry. The next number is for entries that this version would misread; it is
# written one version after it was first read (CONTRIBUTING.md, "Two versions side by side").
FORMAT = 1
_BY_LINK = frozenset({TargetType.LIST, TargetType.JOB, TargetType.EVERYTHING})


class LaterFormatError(Exception):
    """A spool entry was written by a later version, in a form that this one would misread."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What a request from the profile centre changes, other than unsubscribing. `name` is an
    attribute's name; `consent_text` the text that the subscriber agreed to, for which a unit may
    require a confirmation by email; `needs_confirmation`: always confirm by email, whatever the
    unit's settings."""

    kind: Kind
    name: str = ""
    value: str = field(default="", repr=False)
    consent_text: str = ""
    needs_confirmation: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """By which key of the API a submission came, and who asked there."""

    key_id: int
    asked_by: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """What one subscriber requested, once. `token` is the signed link's, "" where it came through
    the API (`origin`); `reason` the code of the chosen reason, `words` the subscriber's own,
    `scanner` the name of a known link scanner. Without a `change` it is an unsubscribe: permanent,
    or a pause of `pause_days`. `received_at` is a time by the database's clock; None means the time
    at which the row is inserted."""

    token: str = field(repr=False)
    context: UnsubContext
    channel: Channel
    reason: str = ""
    words: str = field(default="", repr=False)
    language: str = ""
    received_at: datetime | None = None
    scanner: str = ""
    change: Change | None = None
    pause_days: int = 0
    origin: Origin | None = None

    @property
    def kind(self) -> str:
        """The kind of the request."""
        return self.change.kind.value if self.change else Kind.UNSUBSCRIBE.value

    @property
    def spec(self) -> KindSpec:
        """The rules of its kind."""
        return KINDS[self.kind]

    @property
    def target(self) -> Target:
        """The target of the request: fixed by the kind, or named by the link or the change.

        Raises ValueError where the kind cannot be about that target, and ContextError for a test
        link.
        """
        types = self.spec.target_types
        if types == {TargetType.EVERYTHING}:
            return EVERYTHING
        if types <= _BY_LINK:
            found = self.context.target
        else:
            (only,) = types
            found = Target(only, name=self.change.name if self.change else "")
        if found.type not in types:
            raise ValueError(f"a request to {self.kind} cannot be about {found.type}")
        return found

    def to_message(self) -> dict[str, str]:
        """Return the submission as strings for the spool: the token stands for the context; without
        one its claims do. Without the time of receipt, which the broker adds by its own clock."""
        message = {
            "format": str(FORMAT),
            "token": self.token,
            "channel": self.channel.value,
            "reason": self.reason,
            "words": self.words,
            "language": self.language,
            "scope": self.context.scope.value,
            "scanner": self.scanner,
            "list_id": str(self.context.job.list_id or ""),
            "pause_days": str(self.pause_days),
        }
        if self.change:
            message |= {name: str(value) for name, value in asdict(self.change).items()}
        if self.origin:
            message |= {
                "claims": payload_of(self.context),
                "origin_key": str(self.origin.key_id),
                "asked_by": self.origin.asked_by,
            }
        return message

    @classmethod
    def from_message(cls, message: Mapping[str, str]) -> "Submission":
        """Return the submission that `to_message` wrote, without a time of receipt. Raises
        LinkError where the link's keys are gone, LaterFormatError for the form of a later
        version."""
        if int(message.get("format", "1")) > FORMAT:
            raise LaterFormatError
        change = _change_of(message)
        return cls(
            token=message["token"],
            context=_context_of(message),
            channel=Channel(message["channel"]),
            reason=message["reason"],
            words=message["words"],
            language=message["language"],
            # A spool entry written by an earlier version has none of these.
            scanner=message.get("scanner", ""),
            pause_days=int(message.get("pause_days", "0")),
            change=change,
            origin=_origin_of(message),
        )


def _context_of(message: Mapping[str, str]) -> UnsubContext:
    """Return the context of a spool entry. Raises LinkError where the link's keys are gone."""
    if "claims" in message:
        # Of the API: the entry is sealed, so nobody else can have written it.
        return context_of(json.loads(message["claims"]), default_mid=None)
    context = open_link(message["token"])
    if message["scope"] == Scope.ALL:
        # The link's own scope, or what the subscriber chose on the page.
        return context.for_everything()
    if message["channel"] == Channel.PROFILE and message["list_id"]:
        return context.for_list(int(message["list_id"]))
    return context


def _origin_of(message: Mapping[str, str]) -> Origin | None:
    """Return the origin of a spool entry, or None where it came by a link."""
    if "origin_key" not in message:
        return None
    return Origin(key_id=int(message["origin_key"]), asked_by=message["asked_by"])


def _change_of(message: Mapping[str, str]) -> Change | None:
    """Return the change of a spool entry, or None for an unsubscribe."""
    if "kind" not in message:
        return None
    return Change(
        kind=Kind(message["kind"]),
        name=message["name"],
        value=message["value"],
        consent_text=message["consent_text"],
        needs_confirmation=message["needs_confirmation"] == "True",
    )
