"""What a request is about, by name, in the language of the page."""

from collections.abc import Mapping

from django.utils.translation import gettext, gettext_noop

from unsub.domain.target import Target, TargetType

# Names of lists by ListID, and of topics by code.
Names = Mapping[int | str, str]
_LABELS = {
    TargetType.ADDRESS: gettext_noop("Email address"),
    TargetType.FORMAT: gettext_noop("Email format"),
}


def target_name(target: Target, names: Names) -> str:
    """Return the name of a list, topic or attribute, or of what else is changed, in the language of
    the page; "" for a job."""
    if target.type in _LABELS:
        return gettext(_LABELS[target.type])
    if target.type is TargetType.ATTRIBUTE:
        return target.name
    if target.type is TargetType.TOPIC:
        return names.get(target.name, target.name)
    if target.type is TargetType.LIST and target.id is not None:
        return names.get(target.id, str(target.id))
    return gettext("All marketing emails") if target.type is TargetType.EVERYTHING else ""
