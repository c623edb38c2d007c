"""The unit's own names, order and choice of the lists that the profile centre shows."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from unsub.models.mailing_list import LAST
from unsub.sfmc import MailList

from .snapshot import UNSUBSCRIBED, ProfileSnapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnList:
    """What a unit says of a list. `texts` maps a language to a name and a description, of which
    either may be empty."""

    name: str
    description: str = ""
    offered: bool = True
    position: int = LAST
    texts: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    def name_in(self, language: str) -> str:
        """Return the name in a language, else the unit's own."""
        return self.texts.get(language, ("", ""))[0] or self.name

    def description_in(self, language: str) -> str:
        """Return the description in a language, else the unit's own."""
        return self.texts.get(language, ("", ""))[1] or self.description


def with_own_lists(
    snapshot: ProfileSnapshot, own: Mapping[int, OwnList], language: str
) -> ProfileSnapshot:
    """Return the snapshot with the unit's names of its lists, in its order. A list that is not
    offered is left out, unless the subscriber receives it: who receives it can unsubscribe."""
    if snapshot.lists is None:
        return snapshot
    received = snapshot.memberships or {}
    shown = [
        _named(one, own.get(one.list_id), language)
        for one in snapshot.lists
        if _is_offered(own.get(one.list_id))
        or received.get(one.list_id, UNSUBSCRIBED) != UNSUBSCRIBED
    ]
    return replace(snapshot, lists=tuple(sorted(shown, key=lambda one: _order(one, own))))


def _is_offered(own: OwnList | None) -> bool:
    return own is None or own.offered


def _named(one: MailList, own: OwnList | None, language: str) -> MailList:
    if own is None:
        return one
    return replace(one, name=own.name_in(language), description=own.description_in(language))


def _order(one: MailList, own: Mapping[int, OwnList]) -> tuple[int, str]:
    known = own.get(one.list_id)
    return known.position if known else LAST, one.name.casefold()
