"""LogUnsubEvent, rule by rule, as the vendor's manual describes it."""

from collections.abc import Mapping
from dataclasses import dataclass

import pytest

from tests.sandbox.talk import Caller
from unsub.sandbox import Sandbox
from unsub.sandbox.world.entities import Job, Subscriber
from unsub.sandbox.world.sample import CHILD, sample_jobs
from unsub.sandbox.world.unsubscribe_rules import DEFAULT_REASON

ADA = {"SubscriberID": "1001"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Charged:
    """A job context as given, and the job, list and batch that it must resolve to."""

    given: Mapping[str, str]
    job: int
    list_id: int
    batch: int = 0
    mid: int | None = None


@pytest.mark.parametrize(
    "case",
    [
        Charged(
            given={"JobID": "88001", "ListID": "7001", "BatchID": "0"}, job=88001, list_id=7001
        ),
        Charged(given={"JobID": "88001"}, job=88001, list_id=7001),
        Charged(given={"JobID": "88003", "BatchID": "0"}, job=88003, list_id=7002),
        Charged(given={"JobID": "88001", "ListID": "7001"}, job=88001, list_id=7001),
        Charged(given={"ListID": "7001"}, job=88002, list_id=7001),
        Charged(given={"ListID": "7001", "BatchID": "0"}, job=88002, list_id=7001),
        Charged(given={"JobID": "0", "ListID": "7001"}, job=88002, list_id=7001),
        Charged(given={"JobID": "", "ListID": "7002"}, job=88003, list_id=7002),
        Charged(given={"JobID": "88001", "ListID": "0", "BatchID": ""}, job=88001, list_id=7001),
        Charged(given={"JobID": "88101"}, job=88101, list_id=7101, mid=CHILD),
    ],
)
def test_missing_parts_of_the_job_context_are_looked_up(
    sfmc: Sandbox, caller: Caller, case: Charged
) -> None:
    said = caller.unsub(case.mid, **ADA, **case.given)
    assert (said.status, said.code, said.ordinal) == ("OK", None, None)
    (event,) = sfmc.events()
    assert (event["job_id"], event["list_id"], event["batch_id"]) == (
        case.job,
        case.list_id,
        case.batch,
    )
    assert event["parameters"] == {**ADA, **case.given}
    assert not sfmc.masters()


@pytest.mark.parametrize(
    "context",
    [{}, {"BatchID": "0"}, {"BatchID": "7"}, {"JobID": "0", "ListID": "0"}, {"JobID": ""}],
)
def test_without_a_job_context_it_is_a_master_unsubscribe_without_an_event(
    sfmc: Sandbox, caller: Caller, context: Mapping[str, str]
) -> None:
    assert caller.unsub(**ADA, **context).status == "OK"
    assert not sfmc.events()
    (master,) = sfmc.masters()
    assert (master["kind"], master["subscriber_id"], master["job_id"]) == ("master", 1001, None)


@pytest.mark.parametrize(
    ("given", "job"),
    [
        ({"ListID": "7000", "JobID": "88001", "BatchID": "0"}, 88001),
        ({"ListID": "7000"}, 88003),
    ],
)
def test_the_all_subscribers_list_is_a_master_unsubscribe_with_an_event(
    sfmc: Sandbox, caller: Caller, given: Mapping[str, str], job: int
) -> None:
    assert caller.unsub(**ADA, **given).status == "OK"
    (event,) = sfmc.events()
    assert (event["job_id"], event["list_id"], event["master"]) == (job, 7000, True)
    assert caller.unsub(**ADA, JobID="88002").code == 12012


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({}, 402),
        ({"SubscriberID": "", "JobID": ""}, 402),
        ({"Colour": "red", "subscriberid": "1001"}, 402),
        ({"JobID": "88002"}, 403),
        ({"SubscriberKey": "", "EmailAddress": "", "ListID": "7001"}, 403),
        ({"Reason": "too many"}, 403),
        ({"EmailAddress": "ada@example.com", "JobID": "88002"}, 404),
        ({"SubscriberID": "1001", "SubscriberKey": "grace-1002"}, 405),
        ({"SubscriberID": "1001", "EmailAddress": "grace@example.com"}, 405),
        ({"SubscriberID": "9999", "SubscriberKey": "ada-1001"}, 405),
        ({"SubscriberKey": "ada-1001", "EmailAddress": "old@example.com"}, 406),
        ({"SubscriberKey": "nobody", "EmailAddress": "ada@example.com"}, 406),
        ({"SubscriberID": "9999"}, 400),
        ({"SubscriberID": "ada"}, 400),
        ({"SubscriberKey": "nobody", "EmailAddress": "nobody@example.com"}, 400),
        ({**ADA, "JobID": "99999"}, 400),
        ({**ADA, "JobID": "newest"}, 400),
        ({**ADA, "JobID": "88101"}, 400),
        ({**ADA, "JobID": "88003", "ListID": "7001"}, 400),
        ({**ADA, "JobID": "88001", "BatchID": "5"}, 400),
        ({**ADA, "ListID": "7777"}, 400),
        ({**ADA, "ListID": "7009"}, 400),
        ({**ADA, "JobID": "88001", "ListID": "7009"}, 400),
        ({**ADA, "ListID": "7101"}, 400),
    ],
)
def test_a_broken_rule_gives_its_code(
    sfmc: Sandbox, caller: Caller, parameters: Mapping[str, str], code: int
) -> None:
    said = caller.unsub(**parameters)
    assert (said.status, said.code, said.ordinal) == ("Error", code, 0)
    assert not sfmc.events()
    assert not sfmc.masters()


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"EmailAddress": "ada@example.com"}, None),
        ({"EmailAddress": "ADA@Example.com", "SubscriberKey": "ada-1001"}, None),
        ({"EmailAddress": "new@example.com", "SubscriberKey": "ada-1001"}, 407),
        ({"EmailAddress": "grace@example.com", "SubscriberKey": "ada-1001"}, 407),
        ({"EmailAddress": "nobody@example.com"}, 400),
    ],
)
def test_without_the_key_permission_the_address_finds_the_subscriber(
    parameters: Mapping[str, str], code: int | None
) -> None:
    with Sandbox(key_permission=False) as sandbox, Caller(sandbox.url) as caller:
        assert caller.unsub(**parameters, JobID="88002").code == code


@pytest.mark.parametrize(
    "parameters",
    [
        {"SubscriberID": "1001"},
        {"SubscriberKey": "ada-1001"},
        {"SubscriberID": "1001", "SubscriberKey": "ada-1001", "EmailAddress": "ada@example.com"},
        {"SubscriberKey": "ada-1001", "EmailAddress": "ada@example.com"},
    ],
)
def test_any_identifier_finds_the_subscriber(
    sfmc: Sandbox, caller: Caller, parameters: Mapping[str, str]
) -> None:
    assert caller.unsub(**parameters, JobID="88002").status == "OK"
    assert sfmc.events()[0]["subscriber_key"] == "ada-1001"


def test_a_second_call_for_the_same_list_answers_401(sfmc: Sandbox, caller: Caller) -> None:
    assert caller.unsub(**ADA, JobID="88001").status == "OK"
    assert caller.unsub(**ADA, JobID="88002").code == 401
    assert caller.unsub(**ADA, JobID="88003").status == "OK"
    assert caller.unsub(SubscriberID="1002", JobID="88001").status == "OK"
    assert len(sfmc.events()) == 3


def test_after_a_master_unsubscribe_every_call_answers_12012(sfmc: Sandbox, caller: Caller) -> None:
    assert caller.unsub(**ADA).status == "OK"
    assert caller.unsub(**ADA).code == 12012
    assert caller.unsub(**ADA, JobID="88001").code == 12012
    assert caller.unsub(CHILD, **ADA, ListID="7101").code == 12012
    assert not sfmc.events()


def test_a_master_unsubscribe_after_a_list_is_new(sfmc: Sandbox, caller: Caller) -> None:
    assert caller.unsub(**ADA, JobID="88001").status == "OK"
    assert caller.unsub(**ADA).status == "OK"
    assert len(sfmc.masters()) == 1


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ({}, DEFAULT_REASON),
        ({"Reason": ""}, DEFAULT_REASON),
        ({"Reason": "Too many <mails> & \N{SNOWMAN}"}, "Too many <mails> & \N{SNOWMAN}"),
        ({"Reason": "x" * 150}, "x" * 100),
    ],
)
def test_the_given_reason_is_kept_or_the_default_used(
    sfmc: Sandbox, caller: Caller, given: Mapping[str, str], stored: str
) -> None:
    caller.unsub(**ADA, JobID="88001", **given)
    assert sfmc.events()[0]["reason"] == stored


def test_the_default_reason_is_the_one_in_the_manual() -> None:
    assert DEFAULT_REASON == "Unsubscribed via Log Unsub Event Execute call"


def test_a_job_not_sent_to_the_subscriber_is_never_used() -> None:
    missed = Job(job_id=88009, mid=510001, list_id=7001, name="Late", not_sent_to=frozenset({1001}))
    jobs = (*sample_jobs(), missed)
    with Sandbox(jobs=jobs) as sandbox, Caller(sandbox.url) as caller:
        assert caller.unsub(**ADA, JobID="88009").code == 400
        assert caller.unsub(**ADA, ListID="7001").status == "OK"
        assert caller.unsub(SubscriberID="1002", ListID="7001").status == "OK"
        assert [event["job_id"] for event in sandbox.events()] == [88002, 88009]


def test_the_key_selects_between_subscribers_with_one_address() -> None:
    people = tuple(
        Subscriber(subscriber_id=number, key=f"family-{number}", email="home@example.com")
        for number in (1, 2)
    )
    with Sandbox(subscribers=people) as sandbox, Caller(sandbox.url) as caller:
        said = caller.unsub(SubscriberKey="family-2", EmailAddress="home@example.com")
        assert said.status == "OK"
        assert sandbox.masters()[0]["subscriber_id"] == 2
