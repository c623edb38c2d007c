"""Which topics a submitted form changes, compared with the page that it was on."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from django.http import QueryDict

from .form_snapshot import FormSnapshot
from .topics import OfferedTopic


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicChange:
    """A new value of a topic. `joins`: the topic was off, and is on with it, which needs
    consent."""

    topic: OfferedTopic
    value: str
    joins: bool

    @property
    def leaves(self) -> bool:
        """Whether the topic is off with the new value."""
        return not self.topic.is_on(self.value)


def read_topic_changes(
    shown: FormSnapshot, form: QueryDict, topics: Iterable[OfferedTopic]
) -> list[TopicChange]:
    """Return what was changed on the page since it was rendered. Topics that the page did not show,
    and values that it did not offer, are left alone."""
    return list(_changes(shown, form, topics))


def _changes(
    shown: FormSnapshot, form: QueryDict, topics: Iterable[OfferedTopic]
) -> Iterator[TopicChange]:
    ticked = set(form.getlist("topic"))
    for topic in topics:
        if topic.code not in shown.topics:
            continue
        was = shown.topics[topic.code]
        now = _chosen(topic, form, was) if topic.choices else _ticked(topic, ticked, was)
        if now != was:
            joins = topic.is_on(now) and not topic.is_on(was)
            yield TopicChange(topic=topic, value=now, joins=joins)


def _chosen(topic: OfferedTopic, form: QueryDict, was: str) -> str:
    given = form.get(f"topic-{topic.code}", was)
    return given if given in dict(topic.choices) else was


def _ticked(topic: OfferedTopic, ticked: set[str], was: str) -> str:
    is_on = topic.code in ticked
    if is_on == topic.is_on(was):
        return was
    return topic.on_value if is_on else topic.off_value
