"""What a wish asks for, in the words of a marketer: "leave Weekly offers (7001)"."""

from django.utils.translation import gettext

from unsub.domain.context import Scope
from unsub.models import Kind, MailingList, UnsubRequest
from unsub.models.request import ALL, ATTRIBUTE, Purpose

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
