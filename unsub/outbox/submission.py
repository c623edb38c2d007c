"""One person's wish as a value: what is asked for, by which link, and how it is known again."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime

from unsub.domain.context import Effect, Scope, UnsubContext
from unsub.models import Channel, Kind
from unsub.models.request import ALL, JOB, LIST
from unsub.units.opening import open_link

# Kinds that are about a list, or about all of them.
LISTS = frozenset({Kind.UNSUBSCRIBE, Kind.SUBSCRIBE, Kind.RESUBSCRIBE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What a wish from the profile centre asks for, beside leaving. `name` is an attribute's or a
    mail's; `wording` the words that were agreed to, which a unit may have confirmed by a mail;
    `waits`: it is confirmed by one whatever the unit has."""

    kind: Kind
    name: str = ""
    value: str = field(default="", repr=False)
    wording: str = ""
    waits: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What one person asked for, once. `token` is the signed link's; `reason` the code of the
    choice, `words` the person's own, `scanner` the name of a machine that is known for it. Without
    a `change` it is an unsubscribe, for good or a pause of `pause_days`."""

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

    @property
    def kind(self) -> str:
        """What it asks for."""
        return self.change.kind.value if self.change else Kind.UNSUBSCRIBE.value

    @property
    def aspect(self) -> str:
        """What it is about: of two wishes about the same the later one counts."""
        if self.change and self.change.kind not in LISTS:
            name = self.change.name
            return f"{self.kind}:{name}" if name else self.kind
        if self.context.effect is Effect.FROM_EVERYTHING or self.kind == Kind.RESUBSCRIBE:
            return ALL
        job = self.context.job
        return f"{LIST}{job.list_id}" if job.list_id else f"{JOB}{job.job_id}"

    def to_message(self, *, received_at: datetime) -> dict[str, str]:
        """Return the wish as plain strings for the broker: the token stands for the context."""
        message = {
            "token": self.token,
            "channel": self.channel.value,
            "reason": self.reason,
            "words": self.words,
            "language": self.language,
            "scope": self.context.scope.value,
            "scanner": self.scanner,
            "list_id": str(self.context.job.list_id or ""),
            "received_at": received_at.isoformat(),
            "pause_days": str(self.pause_days),
        }
        if self.change:
            message |= {name: str(value) for name, value in asdict(self.change).items()}
        return message

    @classmethod
    def from_message(cls, message: Mapping[str, str]) -> "Wish":
        """Return the wish that `to_message` wrote; raises LinkError where the keys are gone."""
        change = _change_of(message)
        return cls(
            token=message["token"],
            context=_context_of(message),
            channel=Channel(message["channel"]),
            reason=message["reason"],
            words=message["words"],
            language=message["language"],
            # A letter of a version before has none of these.
            scanner=message.get("scanner", ""),
            pause_days=int(message.get("pause_days", "0")),
            change=change,
            received_at=datetime.fromisoformat(message["received_at"]),
        )


def _context_of(message: Mapping[str, str]) -> UnsubContext:
    """Return the context of a letter; raises LinkError where the keys are gone."""
    context = open_link(message["token"])
    if message["scope"] == Scope.ALL:
        # The link's own scope, or what its person chose on the page.
        return context.for_everything()
    if message["channel"] == Channel.PROFILE and message["list_id"]:
        return context.for_list(int(message["list_id"]))
    return context


def _change_of(message: Mapping[str, str]) -> Change | None:
    """Return the change of a letter, or None for an unsubscribe."""
    if "kind" not in message:
        return None
    return Change(
        kind=Kind(message["kind"]),
        name=message["name"],
        value=message["value"],
        wording=message["wording"],
        waits=message["waits"] == "True",
    )
