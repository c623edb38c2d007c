"""Which lists a submitted form subscribes to and unsubscribes from, compared with the page that it
was on."""

from dataclasses import dataclass

from django.http import QueryDict

from .current_state import Subscription
from .form_snapshot import FormSnapshot


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
    kept = set(form.getlist("keep"))
    if not shown.is_known:
        # The page could not show what is subscribed: the ticked lists are unsubscribed from.
        left = set(form.getlist("leave"))
        return ListChanges(leaving=tuple(one for one in shown.on if str(one) in left))
    return ListChanges(
        # As the page wrote them. Each one counts, however many there are: one that was left out
        # here would be unsubscribed from.
        leaving=tuple(one for one in shown.on if str(one) not in kept),
        joining=tuple(one for one in shown.off if str(one) in kept),
    )
