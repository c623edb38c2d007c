"""What a request is about, as a value."""

import pytest

from unsub.domain.context import ContextError, JobContext, Scope, SubscriberContext, UnsubContext
from unsub.domain.target import EVERYTHING, Target, TargetType

JOB_ALONE = JobContext(job_id=88002)
NOTHING = JobContext()


def context(**changes: object) -> UnsubContext:
    """Return the context of an email that a job sent to a list."""
    fields: dict[str, object] = {
        "mid": 510001,
        "subscriber": SubscriberContext(subscriber_id=1001),
        "job": JobContext(job_id=88002, list_id=7001, batch_id=0),
        "scope": Scope.LIST,
    }
    return UnsubContext(**(fields | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("target", "words"),
    [
        (Target(TargetType.LIST, id=7001), "list:7001"),
        (Target(TargetType.JOB, id=88002), "job:88002"),
        (Target(TargetType.ATTRIBUTE, name="First Name"), "attribute:First Name"),
        (Target(TargetType.FORMAT), "format"),
        (Target(TargetType.ADDRESS), "address"),
        (EVERYTHING, "everything"),
    ],
)
def test_a_target_reads_as_exports_show_it(target: Target, words: str) -> None:
    assert str(target) == words


@pytest.mark.parametrize(
    "fields",
    [
        {"type": TargetType.LIST},
        {"type": TargetType.JOB, "id": 1, "name": "City"},
        {"type": TargetType.EVERYTHING, "id": 7001},
        {"type": TargetType.ATTRIBUTE},
        {"type": TargetType.ATTRIBUTE, "id": 1, "name": "City"},
        {"type": TargetType.ADDRESS, "name": "City"},
    ],
)
def test_a_target_whose_parts_do_not_fit_is_none(fields: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="do not fit"):
        Target(**fields)  # type: ignore[arg-type]


def test_an_unsubscribe_is_about_the_list_else_the_job_else_everything() -> None:
    assert context().target == Target(TargetType.LIST, id=7001)
    assert context(job=JOB_ALONE).target == Target(TargetType.JOB, id=88002)
    assert context(job=NOTHING).target == EVERYTHING
    assert context(scope=Scope.ALL).target == EVERYTHING


@pytest.mark.parametrize(
    "changes", [{"message_context": "PREVIEW"}, {"job": NOTHING, "scope_is_explicit": True}]
)
def test_a_test_link_is_about_nothing(changes: dict[str, object]) -> None:
    with pytest.raises(ContextError):
        _ = context(**changes).target
