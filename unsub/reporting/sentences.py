"""Describes a request in words for marketers: one sentence for its timeline, a summary for
lists."""

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta

from django.utils.translation import gettext

from unsub.domain.masking import mask_email
from unsub.domain.target import EVERYTHING, TargetType
from unsub.models import (
    Channel,
    MailingList,
    MessageType,
    Pause,
    PauseResult,
    Status,
    SubscriberRequest,
)

_FROM_A_FILE = "Unsubscribed %s elsewhere. Imported from a file."
_LEFT = {
    Channel.PAGE: "Unsubscribed %s on the unsubscribe page.",
    Channel.ONE_CLICK: "Unsubscribed %s with one click in the email program (RFC 8058).",
    Channel.PROFILE: "Unsubscribed %s in the preference center.",
    Channel.MAILTO: "Unsubscribed %s by an email from the email program (mailto).",
    Channel.IMPORT: "Unsubscribed %s in Marketing Cloud. Imported.",
    Channel.API: "Unsubscribed %s through the API.",
}
# A pause ends in the transaction that writes the request to subscribe again.
_AT_ONCE = timedelta(seconds=2)


def sentence(request: SubscriberRequest, list_name: str, ended: Iterable[Pause] = ()) -> str:
    """Return what the subscriber did, as a sentence. `ended` is what `ended_pauses` returned."""
    return _SENTENCES[request.spec.message](request, list_name, ended)


def _left(request: SubscriberRequest, list_name: str, _ended: Iterable[Pause]) -> str:
    """Return how the subscriber unsubscribed, and from what."""
    what = gettext("from all marketing emails")
    if request.target != EVERYTHING:
        what = gettext("from the mailing list")
        # The list that the email was sent to is clear without its name; another list is not.
        if list_name or request.channel == Channel.PROFILE:
            what = gettext("from %s") % target_in_words(request, list_name)
    is_event = request.status == Status.DONE and request.attempts == 0
    if request.channel == Channel.IMPORT and not is_event:
        return gettext(_FROM_A_FILE) % what
    return gettext(_LEFT[Channel(request.channel)]) % what


def _changed(request: SubscriberRequest, list_name: str, ended: Iterable[Pause]) -> str:
    """Return what the subscriber changed, or which pause ended."""
    pause = _pause_before(request, ended)
    if pause:
        return _came_back(pause, request, list_name)
    words = request.spec.words
    ending = words.timeline_by_value.get(request.value, words.timeline)
    did = ending % {"target": target_in_words(request, list_name)}
    if request.value and request.target.type is TargetType.ADDRESS:
        did = f"{did} ({mask_email(request.value)})"
    return gettext("The subscriber %s in the preference center.") % did


_SENTENCES: Mapping[MessageType, Callable[[SubscriberRequest, str, Iterable[Pause]], str]] = {
    MessageType.UNSUBSCRIBES: _left,
    MessageType.CHANGES: _changed,
    MessageType.TOPICS: _changed,
}


def ended_pauses(requests: Iterable[SubscriberRequest]) -> list[Pause]:
    """Return the pauses of the subscribers of these requests that ended by subscribing again."""
    persons = {one.subscriber_digest for one in requests} - {""}
    ended = Pause.objects.filter(
        result__in=(PauseResult.PUT_BACK, PauseResult.CANCELLED),
        request__subscriber_digest__in=persons,
    )
    return list(ended.select_related("request"))


def _pause_before(request: SubscriberRequest, ended: Iterable[Pause]) -> Pause | None:
    """Return the pause that ended with this request, or None. A request with a consent text never
    ends a pause: the consent text is not shown to subscribers who end one."""
    if request.consent_text_id or not request.subscriber_digest:
        return None
    for pause in ended:
        left = pause.request
        is_same = (left.subscriber_digest, left.target) == (
            request.subscriber_digest,
            request.target,
        )
        if is_same and pause.ended_at and abs(pause.ended_at - request.received_at) <= _AT_ONCE:
            return pause
    return None


def _came_back(pause: Pause, request: SubscriberRequest, list_name: str) -> str:
    """Return how the subscriber subscribed again after a pause."""
    known = {"number": pause.request_id, "what": target_in_words(request, list_name)}
    if pause.result == PauseResult.CANCELLED:
        return (
            gettext("The subscriber ended pause #%(number)d and is resubscribed to %(what)s.")
            % known
        )
    return (
        gettext(
            "Pause #%(number)d ended. The subscriber is resubscribed to %(what)s, as announced."
        )
        % known
    )


def summary(request: SubscriberRequest, list_name: str = "") -> str:
    """Return what a request asks for, without the new value."""
    return request.spec.words.listed % {"target": target_in_words(request, list_name)}


def target_in_words(request: SubscriberRequest, list_name: str = "") -> str:
    """Return the target of a request: a list by its name and number, an attribute by its name."""
    target = request.target
    match target.type:
        case TargetType.EVERYTHING:
            return gettext("all marketing emails")
        case TargetType.LIST if list_name:
            return f"{list_name} ({target.id})"
        case TargetType.LIST:
            return gettext("list %d") % target.id
        case TargetType.JOB:
            return gettext("the list of send %d") % target.id
    return target.name


def list_name_of(request: SubscriberRequest) -> str:
    """Return the unit's name for the list of a request, or "". Makes no query where the request has
    the annotation `list_name`."""
    if "list_name" in vars(request):
        return vars(request)["list_name"] or ""
    if request.list_id is None:
        return ""
    lists = MailingList.objects.filter(unit_id=request.unit_id, list_id=request.list_id)
    return lists.values_list("name", flat=True).first() or ""
