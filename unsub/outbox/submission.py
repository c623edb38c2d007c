"""One person's wish as a value: what is asked for, by which link, and how it is known again."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime

from unsub.domain.context import Scope, UnsubContext
from unsub.domain.target import EVERYTHING, Target, TargetType
from unsub.models import Channel, Kind
from unsub.models.kinds import KINDS, KindSpec
from unsub.units.opening import open_link

_BY_LINK = frozenset({TargetType.LIST, TargetType.JOB, TargetType.EVERYTHING})


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What a wish from the profile centre asks for, beside leaving. `name` is an attribute's;
    `wording` the words that were agreed to, which a unit may have confirmed by an email; `waits`:
    it is confirmed by one whatever the unit has."""

    kind: Kind
    name: str = ""
    value: str = field(default="", repr=False)
    consent_text: str = ""
    needs_confirmation: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
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
    def spec(self) -> KindSpec:
        """What its kind means."""
        return KINDS[self.kind]

    @property
    def target(self) -> Target:
        """What it is about: what the kind is always about, or what the link or the change names.

        Raises ValueError where that is nothing that the kind can be about, and ContextError for a
        test link.
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
    def from_message(cls, message: Mapping[str, str]) -> "Submission":
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
        consent_text=message["consent_text"],
        needs_confirmation=message["needs_confirmation"] == "True",
    )
