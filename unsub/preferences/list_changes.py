"""Which lists a submitted form subscribes to and unsubscribes from, compared with the page that it
was on."""

from dataclasses import dataclass

from django.http import QueryDict

from .current_state import Subscription
from .form_snapshot import FormSnapshot

LISTS_MAX = 500  # list IDs that one form may contain


@dataclass(frozen=True, slots=True, kw_only=True)
class ListChanges:
    """The changes in a form, compared with the snapshot that it was rendered with."""

    leaving: tuple[int, ...] = ()
    joining: tuple[int, ...] = ()

    def is_on_after(self, one: Subscription) -> bool:
        """Return whether a list is subscribed after these changes."""
        return one.list_id in self.joining or (one.is_on and one.list_id not in self.leaving)


def read_changes(shown: FormSnapshot, form: QueryDict) -> ListChanges:
    """Return what was changed on the page since it was rendered. Changes made meanwhile in another
    tab are not among it."""
    kept = _numbers(form.getlist("keep"))
    if not shown.is_known:
        # The page could not show what is subscribed: the ticked lists are unsubscribed from.
        left = _numbers(form.getlist("leave"))
        return ListChanges(leaving=tuple(one for one in shown.on if one in left))
    return ListChanges(
        leaving=tuple(one for one in shown.on if one not in kept),
        joining=tuple(one for one in shown.off if one in kept),
    )


def _numbers(texts: list[str]) -> frozenset[int]:
    """Return the list IDs in a form's values."""
    usable = (text for text in texts[:LISTS_MAX] if text.isascii() and text.isdigit())
    return frozenset(int(text) for text in usable if len(text) < 10)
