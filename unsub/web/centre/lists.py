"""The main page of the profile centre: the subscriber's lists, subscribing and unsubscribing."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse, QueryDict

from unsub.models import Channel, Kind
from unsub.outbox.api import Change, Submission
from unsub.preferences import form_snapshot, snapshot
from unsub.preferences.current_state import CurrentState, Subscription, current_state
from unsub.preferences.form_snapshot import FormSnapshot
from unsub.preferences.list_changes import ListChanges, read_changes
from unsub.preferences.snapshot import ProfileSnapshot
from unsub.preferences.topic_changes import TopicChange, read_topic_changes
from unsub.preferences.topics import TopicState
from unsub.web.http import Saved, SeeOther, page, read_form, unavailable
from unsub.web.page_context import PageContext
from unsub.web.signed_link import EVERYTHING

from .access import profile_centre_view
from .common import (
    facts_of,
    load_state,
    offered_topics,
    own_facts,
    page_of,
    recent_requests,
    submit_all,
)
from .pauses import DAYS, pauses_of
from .topics import context_of, values_of, without_linked
from .topics import submissions as topic_submissions

AGAIN = "again"
# How far the clock of a web host may be ahead of the database's.
_CLOCKS = timedelta(minutes=15)


@profile_centre_view("GET", "HEAD", "POST")
def centre(request: HttpRequest, page_context: PageContext) -> HttpResponse:
    """Return the page, or the response to its form."""
    if request.method == "POST":
        return _submit(page_context, read_form(request))
    return _show(page_context, saved="saved" in request.GET)


def _show(
    page_context: PageContext,
    *,
    saved: bool = False,
    problem: str = "",
    chosen: ListChanges | None = None,
    topics_chosen: Sequence[TopicChange] = (),
) -> HttpResponse:
    """Return the page; without the lists where Marketing Cloud does not answer.

    `chosen` and `topics_chosen` are the changes of a submission that was not accepted (`problem`,
    409), to be shown again.
    """
    state = load_state(page_context)
    topics = state.topics()
    shown = (
        _lists(page_context, state, topics, chosen or ListChanges(), topics_chosen)
        if state.snapshot.shows_lists
        else _without_lists(page_context, topics, topics_chosen)
    )
    names = dict(shown["known"]) | {one.list_id: one.name for one in shown["lists"] or ()}
    pauses = pauses_of(page_context, names)
    context = (
        page_of(page_context, state, "centre")
        | shown
        | {
            "saved": saved,
            "problem": problem,
            "details": own_facts(page_context, state) + facts_of(page_context, state)
            if page_context.brand.profile_details
            else [],
            "pauses": pauses,
            "can_pause": page_context.brand.offers_pause
            and shown["lists"]
            and not state.left_everything,
            "pause_days": DAYS,
            "pause_list": _list_of_email(page_context, shown["lists"] or ()),
        }
    )
    return page("unsub/centre.html", context, status=409 if problem else 200)


def _lists(
    page_context: PageContext,
    state: CurrentState,
    topics: Sequence[TopicState],
    chosen: ListChanges,
    topics_chosen: Sequence[TopicChange],
) -> dict[str, Any]:
    """Return the context of the lists and topics, and the signed snapshot of it."""
    subscriptions = state.subscriptions()
    lists = without_linked(subscriptions, topics)
    shown = _snapshot(
        page_context,
        on=tuple(one.list_id for one in lists if one.is_on),
        off=tuple(one.list_id for one in lists if not one.is_on),
        topics=topics,
    )
    lists = [replace(one, is_on=chosen.is_on_after(one)) for one in lists]
    return {
        "lists": lists,
        "known": [],
        "can_join": bool(shown.off) or any(one.is_known and not one.is_on for one in topics),
        "snapshot": form_snapshot.dumps(page_context.link.context, shown),
        **context_of(
            page_context,
            lists,
            topics,
            topics_chosen,
            {one.list_id: one.name for one in subscriptions},
        ),
    }


def _without_lists(
    page_context: PageContext, topics: Sequence[TopicState], chosen: Sequence[TopicChange]
) -> dict[str, Any]:
    """Return the context where the lists could not be read: the lists to unsubscribe from, and the
    topics."""
    shown = _known(page_context)
    return shown | _topics_alone(page_context, topics, chosen, dict(shown["known"]))


def _topics_alone(
    page_context: PageContext,
    topics: Sequence[TopicState],
    chosen: Sequence[TopicChange],
    names: Mapping[int, str],
) -> dict[str, Any]:
    """Return the context of the topics where the lists could not be read. They have a form, and a
    snapshot, of their own."""
    shown = _snapshot(page_context, topics=topics)
    return {
        "topics_snapshot": form_snapshot.dumps(page_context.link.context, shown),
        "can_join": any(one.is_known and not one.is_on for one in topics),
        **context_of(page_context, [], topics, chosen, names),
    }


def _snapshot(
    page_context: PageContext,
    *,
    on: tuple[int, ...] = (),
    off: tuple[int, ...] = (),
    topics: Iterable[TopicState],
) -> FormSnapshot:
    consent = form_snapshot.fingerprint(page_context.brand.consent)
    return FormSnapshot(on=on, off=off, topics=values_of(topics), consent=consent)


def _list_of_email(page_context: PageContext, lists: Iterable[Subscription]) -> int | None:
    """Return the ListID of the email that the link came from, if the subscriber receives that list;
    else None."""
    number = page_context.link.context.job.list_id
    return number if number in {one.list_id for one in lists if one.is_on} else None


def _known(page_context: PageContext) -> dict[str, Any]:
    """Return the lists to unsubscribe from where Marketing Cloud does not say which of them the
    subscriber receives."""
    context = page_context.link.context
    try:
        found = snapshot.known_lists(context.mid)
    except (DatabaseError, InterfaceError):
        found = []
    own, language = page_context.brand.lists, page_context.language
    known = [
        (number, own[number].name_in(language) if number in own else name) for number, name in found
    ]
    consent = form_snapshot.fingerprint(page_context.brand.consent)
    shown = FormSnapshot(on=tuple(number for number, _ in known), consent=consent, is_known=False)
    return {"lists": None, "known": known, "snapshot": form_snapshot.dumps(context, shown)}


def _submit(page_context: PageContext, form: QueryDict) -> HttpResponse:
    """Store a request for each change and redirect back; 409 with the page where the snapshot
    expired, or the consent text has changed since, or a topic was left that is to be changed."""
    context = page_context.link.context
    if EVERYTHING in form:
        submission = Submission(
            token=page_context.link.token,
            context=context.for_everything(),
            channel=Channel.PROFILE,
            language=page_context.language,
        )
        there = replace(page_context.link, everything=True).url("done")
        return submit_all(page_context, [submission]) or SeeOther(there)
    shown = form_snapshot.loads(context, form.get("snapshot", ""))
    if shown is None:
        return _show(page_context, problem="old")
    offered = offered_topics(page_context)
    if AGAIN in form:
        chosen, change, topics = ListChanges(), True, []
    else:
        chosen, change = read_changes(shown, form), False
        topics = read_topic_changes(shown, form, offered or ())
    joins = bool(chosen.joining) or change or any(one.joins for one in topics)
    if joins and not form_snapshot.is_mark_of(shown.consent, page_context.brand.consent):
        return _show(page_context, problem="wording", chosen=chosen, topics_chosen=topics)
    if _were_left(page_context, shown, topics):
        return _show(page_context, problem="old", chosen=chosen, topics_chosen=topics)
    submissions = list(_submissions(page_context, chosen, again=change))
    submissions += topic_submissions(page_context, shown, topics)
    back = page_context.link.url("centre", saved="1" if submissions else "")
    failed = submit_all(page_context, submissions)
    if failed is None and offered is None and shown.topics and not change:
        # What of the form is about topics could not be read.
        saved = Saved.SOME if submissions else Saved.NOTHING
        return unavailable(page_context.as_context(), saved=saved)
    return failed or SeeOther(back)


def _were_left(
    page_context: PageContext, shown: FormSnapshot, changes: Iterable[TopicChange]
) -> bool:
    """Return whether another choice is made of a topic that was left since the page was rendered:
    then it joins the topic, which needs consent, and the page need not have shown for what."""
    others = [one.topic for one in changes if not (one.joins or one.leaves)]
    if shown.made_at is None or not others:
        return False
    found = recent_requests(page_context, timedelta(seconds=form_snapshot.MAX_AGE))
    later = [one for one in found if one.asked_at >= shown.made_at - _CLOCKS]
    now = current_state(ProfileSnapshot(), later)
    return any(now.has_left_topic(one) for one in others)


def _submissions(
    page_context: PageContext, chosen: ListChanges, *, again: bool
) -> Iterator[Submission]:
    """Yield a request for each list, and for resubscribing (`again`)."""
    context = page_context.link.context
    common: dict[str, Any] = {
        "token": page_context.link.token,
        "channel": Channel.PROFILE,
        "language": page_context.language,
    }
    for number in chosen.leaving:
        yield Submission(context=context.for_list(number), **common)
    for number in chosen.joining:
        change = Change(kind=Kind.SUBSCRIBE, consent_text=page_context.brand.consent)
        yield Submission(context=context.for_list(number), change=change, **common)
    if again:
        change = Change(kind=Kind.RESUBSCRIBE, consent_text=page_context.brand.consent)
        yield Submission(context=context.for_everything(), change=change, **common)
