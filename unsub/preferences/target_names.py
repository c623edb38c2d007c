"""What a request is about, by name, in the language of the page."""

from collections.abc import Mapping

from django.utils.translation import gettext, gettext_noop

from unsub.domain.target import Target, TargetType

_LABELS = {
    TargetType.ADDRESS: gettext_noop("Email address"),
    TargetType.FORMAT: gettext_noop("Email format"),
}


def target_name(target: Target, names: Mapping[int, str]) -> str:
    """Return the name of a list or attribute, or of what else is changed, in the language of the
    page; "" for a job. `names` maps ListID to list name."""
    if target.type in _LABELS:
        return gettext(_LABELS[target.type])
    if target.type is TargetType.ATTRIBUTE:
        return target.name
    if target.type is TargetType.LIST and target.id is not None:
        return names.get(target.id, str(target.id))
    return gettext("All marketing emails") if target.type is TargetType.EVERYTHING else ""
