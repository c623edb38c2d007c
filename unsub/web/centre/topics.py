"""The topics among the lists on the main page of the profile centre, and what its form makes of
them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from django.utils.translation import gettext

from unsub.models import Channel, Kind
from unsub.models.mailing_list import LAST
from unsub.outbox.api import Change, Submission
from unsub.preferences.current_state import Subscription
from unsub.preferences.form_snapshot import FormSnapshot
from unsub.preferences.topic_changes import TopicChange
from unsub.preferences.topics import TopicState
from unsub.web.page_context import PageContext


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A line with a box to tick: a list, or a topic. `id` is unique on the page, `field` and
    `value` are what the form submits. `also_leaves` is the name of the list that is left with a
    topic. A topic that could not be read has no box."""

    id: str
    field: str
    value: str
    name: str
    description: str
    is_on: bool
    note: str
    position: int
    also_leaves: str = ""
    is_known: bool = True


def rows_of(
    page_context: PageContext,
    lists: Iterable[Subscription],
    topics: Iterable[TopicState],
    names: Mapping[int, str],
) -> list[Row]:
    """Return the lists and the topics of yes or no as one section, in the unit's order."""
    rows = [_row_of_list(page_context, one) for one in lists]
    rows += [_row_of_topic(page_context, one, names) for one in topics if not one.topic.choices]
    return sorted(rows, key=lambda one: (one.position, one.name.casefold()))


def _row_of_list(page_context: PageContext, one: Subscription) -> Row:
    own = page_context.brand.lists.get(one.list_id)
    return Row(
        id=str(one.list_id), field="keep", value=str(one.list_id), name=one.name,
        description=one.description, is_on=one.is_on, note=one.note,
        position=own.position if own else LAST,
    )  # fmt: skip


def _row_of_topic(page_context: PageContext, one: TopicState, names: Mapping[int, str]) -> Row:
    return Row(
        id=one.topic.code, field="topic", value=one.topic.code, name=one.topic.name,
        description=one.topic.description, is_on=one.is_on, note=one.note,
        position=one.topic.position, is_known=one.is_known,
        also_leaves=also_leaves(page_context, one, names),
    )  # fmt: skip


def also_leaves(page_context: PageContext, one: TopicState, names: Mapping[int, str]) -> str:
    """Return the name of the list that is left with a topic, or "" where none is: the unit's own
    name, else that among `names`, else words for any list, because the page says what happens."""
    if one.topic.list_id is None:
        return ""
    own = page_context.brand.lists.get(one.topic.list_id)
    name = own.name_in(page_context.language) if own else names.get(one.topic.list_id)
    return name or gettext("a mailing list")


def context_of(
    page_context: PageContext,
    lists: Iterable[Subscription],
    topics: Iterable[TopicState],
    chosen: Iterable[TopicChange],
    names: Mapping[int, str],
) -> dict[str, Any]:
    """Return the template context of the section: `rows` to tick, and `picks`, each with the name
    of the list that is left with it. `chosen` are changes to be shown again, `names` those of the
    unit's public lists."""
    after = {one.topic.code: one.value for one in chosen}
    shown = [
        replace(one, value=after[one.topic.code], list_is_left=False)
        if one.topic.code in after
        else one
        for one in topics
    ]
    return {
        "rows": rows_of(page_context, lists, shown, names),
        "picks": [
            (one, also_leaves(page_context, one, names)) for one in shown if one.topic.choices
        ],
    }


def values_of(topics: Iterable[TopicState]) -> dict[str, str]:
    """Return the values of the topics that could be read, for the snapshot of the form."""
    return {one.topic.code: one.shown for one in topics if one.is_known}


def without_linked(
    lists: Iterable[Subscription], topics: Iterable[TopicState]
) -> list[Subscription]:
    """Return the lists, without those that a topic on the page stands for: the topic is on, or the
    list is off, too. Whoever gets a list can always leave it."""
    linked = {one.topic.list_id: one.is_on for one in topics if one.is_known}
    return [
        one for one in lists if one.list_id not in linked or (one.is_on and not linked[one.list_id])
    ]


def submissions(
    page_context: PageContext, shown: FormSnapshot, changes: Iterable[TopicChange]
) -> Iterator[Submission]:
    """Yield the requests for the changes of topics: the new value, and the list that is left with
    the topic, or subscribed to again with it."""
    common: dict[str, Any] = {
        "token": page_context.link.token,
        "channel": Channel.PROFILE,
        "language": page_context.language,
    }
    context, consent = page_context.link.context, page_context.brand.consent
    for one in changes:
        change = Change(
            kind=Kind.TOPIC_OFF if one.leaves else Kind.TOPIC,
            name=one.topic.code,
            value=one.value,
            consent_text=consent if one.joins else "",
        )
        yield Submission(context=context, change=change, **common)
        list_id = one.topic.list_id
        if list_id is None:
            continue
        if one.leaves:
            yield Submission(context=context.for_list(list_id), **common)
        elif one.joins and list_id not in shown.on:
            # Also a list that the page did not show: it may be private, or could not be read.
            back = Change(kind=Kind.SUBSCRIBE, consent_text=consent)
            yield Submission(context=context.for_list(list_id), change=back, **common)
