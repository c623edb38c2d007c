"""What a request asks for, in the words of a marketer, and how a timeline begins with it."""

from datetime import timedelta

from django.utils.translation import gettext

from unsub.domain.context import Scope
from unsub.domain.masking import mask_email
from unsub.models import Channel, Kind, MailingList, Pause, PauseEnd, UnsubRequest
from unsub.models.request import ALL, ATTRIBUTE, Purpose

_LEFT = {
    Channel.PAGE: "pressed the button on the page",
    Channel.ONE_CLICK: "unsubscribed by one click in the mail program (RFC 8058)",
    Channel.PROFILE: "unsubscribed in the profile centre",
    Channel.IMPORT: "unsubscribed elsewhere; taken over from Marketing Cloud",
}
_FORMATS = {
    "Text": "asked for plain text instead of HTML",
    "HTML": "asked for HTML instead of plain text",
}
# A pause ends in the transaction that writes the wish to come back.
_AT_ONCE = timedelta(seconds=2)


_CHANGES = {
    Kind.RESUBSCRIBE: "subscribe again",
    Kind.FORMAT: "HTML or text",
    Kind.ADDRESS: "another address",
}
_MAILS = {
    Purpose.CONFIRM: "a mail to confirm a wish",
    Purpose.NEW_LINK: "a mail with a new link",
    Purpose.ASK_BACK: "a mail at the end of a pause",
}


def sentence(request: UnsubRequest, list_name: str) -> str:
    """Return what somebody did, as a sentence."""
    kind = Kind(request.kind)
    if kind is Kind.UNSUBSCRIBE:
        return _left(request, list_name)
    if kind is Kind.MAIL:
        return _mail(request)
    pause = _pause_before(request)
    if pause:
        return _came_back(pause, request, list_name)
    return gettext("The person %s in the profile centre.") % _changed(kind, request, list_name)


def _left(request: UnsubRequest, list_name: str) -> str:
    """Return how somebody left, and what."""
    how = gettext(_LEFT[Channel(request.channel)])
    what = gettext("from everything")
    if not is_about_everything(request):
        what = gettext("from the list")
        # The one that the mail was sent to is known; of others only the name says which.
        if list_name or request.channel == Channel.PROFILE:
            what = gettext("from %s") % subject(request, list_name)
    return gettext("The person %s: %s.") % (how, what)


def _changed(kind: Kind, request: UnsubRequest, list_name: str) -> str:
    """Return what somebody changed."""
    if kind is Kind.SUBSCRIBE:
        return gettext("asked to join %s") % subject(request, list_name)
    if kind is Kind.RESUBSCRIBE:
        return gettext("asked to be subscribed again, after having left everything,")
    if kind is Kind.ATTRIBUTE:
        return gettext("changed the detail %s") % attribute_of(request)
    if kind is Kind.FORMAT:
        return gettext(_FORMATS.get(request.value, "asked for HTML or plain text"))
    new = f" ({mask_email(request.value)})" if request.value else ""
    return gettext("asked for another address%s") % new


def _mail(request: UnsubRequest) -> str:
    """Return what a mail is to be sent for."""
    purpose = purpose_of(request)
    if purpose is Purpose.NEW_LINK:
        return gettext("The person asked for a mail with a new link to the profile centre.")
    if purpose is Purpose.CONFIRM:
        what = f"#{request.value}" if request.value else gettext("a wish")
        return gettext("A mail with a link was asked for, by which the person confirms %s.") % what
    return gettext("A mail with a link was asked for: a pause is over, do they come back?")


def _pause_before(request: UnsubRequest) -> Pause | None:
    """Return the pause that ended with this wish, or None: nobody agrees to words to come back."""
    if request.wording_id or not request.person:
        return None
    at = request.received_at
    ended = Pause.objects.filter(
        end__in=(PauseEnd.PUT_BACK, PauseEnd.CANCELLED),
        ended_at__range=(at - _AT_ONCE, at + _AT_ONCE),
    )
    return ended.filter(request__person=request.person, request__aspect=request.aspect).first()


def _came_back(pause: Pause, request: UnsubRequest, list_name: str) -> str:
    """Return how somebody came back after a pause."""
    known = {"number": pause.request_id, "what": subject(request, list_name)}
    if pause.end == PauseEnd.CANCELLED:
        return gettext("The person ended the pause #%(number)d: back to %(what)s.") % known
    return (
        gettext("The pause #%(number)d was over: the person is put back to %(what)s, as told.")
        % known
    )


def about(request: UnsubRequest, list_name: str = "") -> str:
    """Return what a request asks for; never to which value."""
    kind = Kind(request.kind)
    if kind is Kind.UNSUBSCRIBE:
        return gettext("leave %s") % subject(request, list_name)
    if kind is Kind.SUBSCRIBE:
        return gettext("join %s") % subject(request, list_name)
    if kind is Kind.ATTRIBUTE:
        return attribute_of(request)
    if kind is Kind.MAIL:
        return gettext(_MAILS[purpose_of(request)])
    return gettext(_CHANGES[kind])


def subject(request: UnsubRequest, list_name: str = "") -> str:
    """Return what is left or joined: a list by its name and number, or everything."""
    if is_about_everything(request):
        return gettext("everything")
    if request.list_id is None:
        return gettext("the list of job %d") % request.job_id
    if list_name:
        return f"{list_name} ({request.list_id})"
    return gettext("list %d") % request.list_id


def is_about_everything(request: UnsubRequest) -> bool:
    """Return whether it is about all lists at once."""
    if request.aspect:
        return request.aspect == ALL
    # A row from before there were aspects.
    named = request.list_id or request.job_id
    return request.scope == Scope.ALL or not named


def attribute_of(request: UnsubRequest) -> str:
    """Return the name of the attribute that is to change."""
    return request.aspect.removeprefix(ATTRIBUTE)


def purpose_of(request: UnsubRequest) -> Purpose:
    """Return what a mail is for."""
    return Purpose(request.aspect.removeprefix(f"{Kind.MAIL.value}:"))


def name_of(request: UnsubRequest) -> str:
    """Return what the unit calls the list of a request, or nothing."""
    if request.list_id is None:
        return ""
    lists = MailingList.objects.filter(unit_id=request.unit_id, list_id=request.list_id)
    return lists.values_list("name", flat=True).first() or ""
