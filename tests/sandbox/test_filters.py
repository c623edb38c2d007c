"""Filters and options of Retrieve: served, or refused with an error; never ignored."""

from collections.abc import Iterator

import pytest
from lxml import etree

from tests.sandbox.talk import (
    API,
    Caller,
    count_scans,
    overall,
    results,
    retrieve_call,
    update_call,
)
from unsub.sandbox import Sandbox
from unsub.sandbox.world.entities import Subscriber

ALL = {"ada", "bo_b", "cy", "dan"}
KEY, STATUS, ID = (("SubscriberKey", "equals"), ("Status", "equals"), ("ID", "equals"))
DELETE = (
    "<SaveOptions><SaveOption><PropertyName>*</PropertyName><SaveAction>Delete</SaveAction>"
    "</SaveOption></SaveOptions>"
)
PEOPLE = (
    Subscriber(subscriber_id=1, key="ada", email="ada@example.com"),
    Subscriber(subscriber_id=2, key="bo_b", email="bob@example.com", status="Bounced"),
    Subscriber(
        subscriber_id=3,
        key="cy",
        email="cy@example.com",
        status="Unsubscribed",
        unsubscribed_at="2026-01-31T12:00:00+00:00",
    ),
    Subscriber(
        subscriber_id=10,
        key="dan",
        email="dan@example.net",
        status="Unsubscribed",
        unsubscribed_at="2026-03-01T12:00:00+00:00",
    ),
)


@pytest.fixture
def caller() -> Iterator[Caller]:
    with Sandbox(subscribers=PEOPLE) as sandbox, Caller(sandbox.url) as caller:
        yield caller


def simple(
    name: str, operator: str, *values: str, tag: str = "Filter", value: str = "Value"
) -> str:
    """Return a simple condition as an element `tag`."""
    given = "".join(f"<{value}>{one}</{value}>" for one in values)
    return (
        f'<{tag} xsi:type="SimpleFilterPart"><Property>{name}</Property>'
        f"<SimpleOperator>{operator}</SimpleOperator>{given}</{tag}>"
    )


def joined(operator: str, left: str, right: str = "", *others: str, tag: str = "Filter") -> str:
    """Return a complex condition as an element `tag`; each operand is the inside of a filter."""
    more = "".join(others)
    more = f"<AdditionalOperands>{more}</AdditionalOperands>" if more else ""
    return (
        f'<{tag} xsi:type="ComplexFilterPart">{left}<LogicalOperator>{operator}</LogicalOperator>'
        f"{right}{more}</{tag}>"
    )


def left(name: str, operator: str, *values: str) -> str:
    """Return a simple condition as the left operand."""
    return simple(name, operator, *values, tag="LeftOperand")


def right(name: str, operator: str, *values: str) -> str:
    """Return a simple condition as the right operand."""
    return simple(name, operator, *values, tag="RightOperand")


def found(caller: Caller, more: str, kind: str = "Subscriber") -> set[str]:
    """Return the SubscriberKeys that a Retrieve with this filter finds."""
    answer = caller.post(retrieve_call(kind, "SubscriberKey", more=more), action="Retrieve")
    assert overall(answer) == "OK", answer.text
    rows = etree.fromstring(answer.content).iterfind(f".//{API}Results")
    return {str(row.findtext(f"{API}SubscriberKey")) for row in rows}


def refusal(caller: Caller, more: str, *properties: str, kind: str = "Subscriber") -> str:
    """Return the OverallStatus of a Retrieve that must be refused without rows."""
    asked = properties or ("SubscriberKey",)
    answer = caller.post(retrieve_call(kind, *asked, more=more), action="Retrieve")
    assert etree.fromstring(answer.content).find(f".//{API}Results") is None
    assert overall(answer).startswith("Error: ")
    return overall(answer)


@pytest.mark.parametrize(
    ("name", "operator", "values", "keys"),
    [
        ("SubscriberKey", "equals", ["ADA"], {"ada"}),
        ("SubscriberKey", "notEquals", ["ada"], ALL - {"ada"}),
        ("SubscriberKey", "IN", ["ada", "cy", "nobody"], {"ada", "cy"}),
        ("SubscriberKey", "greaterThan", ["bo_b"], {"cy", "dan"}),
        ("SubscriberKey", "like", ["%a%"], {"ada", "dan"}),
        ("SubscriberKey", "like", ["b__b"], {"bo_b"}),
        ("SubscriberKey", "like", ["da"], {"ada", "dan"}),
        ("SubscriberKey", "beginsWith", ["d"], {"dan"}),
        ("SubscriberKey", "endsWith", ["a"], {"ada"}),
        ("SubscriberKey", "contains", ["."], set()),
        ("SubscriberKey", "notContains", ["a"], {"bo_b", "cy"}),
        ("EmailAddress", "existsInString", ["example.com"], {"ada", "bo_b", "cy"}),
        ("EmailAddress", "notExistsInString", ["example.com"], {"dan"}),
        ("EmailAddress", "existsInStringAsAWord", ["exam"], set()),
        ("EmailAddress", "existsInStringAsAWord", ["net"], {"dan"}),
        ("ID", "greaterThan", ["2"], {"cy", "dan"}),
        ("ID", "greaterThanOrEqual", ["2"], ALL - {"ada"}),
        ("ID", "lessThan", ["10"], ALL - {"dan"}),
        ("ID", "lessThanOrEqual", ["1"], {"ada"}),
        ("ID", "between", ["2", "9"], {"bo_b", "cy"}),
        ("ID", "equals", ["010"], {"dan"}),
        ("UnsubscribedDate", "greaterThan", ["2026-02-01"], {"dan"}),
        ("UnsubscribedDate", "lessThan", ["2026-02-01T00:00:00"], {"cy"}),
        ("UnsubscribedDate", "between", ["2026-01-01", "2026-04-01"], {"cy", "dan"}),
        ("UnsubscribedDate", "isNull", [], {"ada", "bo_b"}),
        ("UnsubscribedDate", "isNotNull", [], {"cy", "dan"}),
        ("CreatedDate", "isNull", [], ALL),
        ("Status", "equals", ["Unsubscribed"], {"cy", "dan"}),
    ],
)
def test_each_operator_keeps_what_it_says(
    caller: Caller, name: str, operator: str, values: list[str], keys: set[str]
) -> None:
    assert found(caller, simple(name, operator, *values)) == keys


def test_dates_may_come_as_date_values(caller: Caller) -> None:
    since = simple("UnsubscribedDate", "greaterThan", "2026-02-01T00:00:00", value="DateValue")
    assert found(caller, since) == {"dan"}


@pytest.mark.parametrize(
    ("condition", "keys"),
    [
        (joined("AND", left(*KEY, "nobody"), right(*STATUS, "Active")), set()),
        (joined("AND", left(*STATUS, "Active"), right(*KEY, "ada")), {"ada"}),
        (joined("AND", left(*STATUS, "Active"), right(*KEY, "cy")), set()),
        (joined("OR", left(*KEY, "cy"), right(*STATUS, "Active")), {"ada", "cy"}),
        (joined("OR", left(*KEY, "cy")), {"cy"}),
        (
            joined(
                "AND",
                joined("OR", left(*ID, "1"), right(*ID, "3"), tag="LeftOperand"),
                right("Status", "notEquals", "Active"),
            ),
            {"cy"},
        ),
        (
            joined("OR", left(*ID, "1"), right(*ID, "2"), simple(*ID, "10", tag="Operand")),
            {"ada", "bo_b", "dan"},
        ),
        # Without xsi:type, as a hand-written message may have it.
        (
            joined("AND", left(*ID, "1"), right(*ID, "2")).replace(
                ' xsi:type="ComplexFilterPart"', ""
            ),
            set(),
        ),
    ],
)
def test_conditions_are_joined(caller: Caller, condition: str, keys: set[str]) -> None:
    assert found(caller, condition) == keys


def test_a_membership_is_filtered_by_list_and_subscriber(sfmc: Sandbox) -> None:
    condition = joined(
        "AND", left("SubscriberKey", "equals", "grace-1002"), right("ListID", "equals", "7001")
    )
    with Caller(sfmc.url) as caller:
        everybody = count_scans(sfmc)
        assert found(caller, condition, "ListSubscriber") == {"grace-1002"}
        assert everybody.scans == 0  # both ways to write it are found by index


@pytest.mark.parametrize(
    "condition",
    [
        simple("SubscriberKey", "isAnniversary", "2026-01-01"),
        simple("SubscriberKey", "similarTo", "x"),
        simple("SubscriberKey", "equals"),
        simple("SubscriberKey", "equals", "ada", "cy"),
        simple("SubscriberKey", "between", "a"),
        simple("Shoe size", "equals", "38"),
        simple("", "equals", "x"),
        simple("UnsubscribedDate", "greaterThan", "yesterday"),
        simple("ID", "greaterThan", "many"),
        "<Filter/>",
        joined("XOR", left("ID", "equals", "1"), right("ID", "equals", "2")),
        joined("AND", "", ""),
        joined("AND", left("ID", "equals", "1"), right("Colour", "equals", "red")),
    ],
)
def test_a_filter_that_is_not_served_is_an_error(caller: Caller, condition: str) -> None:
    refusal(caller, condition)


@pytest.mark.parametrize(
    "part",
    [
        "<QueryAllAccounts>true</QueryAllAccounts>",
        "<RetrieveAllSinceLastBatch>true</RetrieveAllSinceLastBatch>",
        "<RepeatLastResult>1</RepeatLastResult>",
        "<Options><OnlyIncludeBase>true</OnlyIncludeBase></Options>",
        "<Options><IncludeObjects>false</IncludeObjects></Options>",
        "<Options><BatchSize>0</BatchSize></Options>",
        "<Options><BatchSize>all</BatchSize></Options>",
        "<ClientIDs><ID>510001</ID></ClientIDs><ClientIDs><ID>510002</ID></ClientIDs>",
        "<PartnerProperties><Name>a</Name><Value>b</Value></PartnerProperties>",
    ],
)
def test_a_part_that_is_not_served_is_an_error(caller: Caller, part: str) -> None:
    refusal(caller, part)


@pytest.mark.parametrize(
    "part",
    [
        "<QueryAllAccounts>false</QueryAllAccounts><Options/>",
        "<Options><IncludeObjects>true</IncludeObjects></Options>",
        "<ClientIDs><ClientID>510001</ClientID></ClientIDs>",
    ],
)
def test_a_part_that_asks_for_nothing_is_served(caller: Caller, part: str) -> None:
    assert found(caller, part) == ALL


def test_an_unknown_property_is_an_error_that_names_it(caller: Caller) -> None:
    text = refusal(caller, "", "SubscriberKey", "Colour")
    assert text == (
        "Error: The Request Property(s) Colour do not match with the fields of Subscriber retrieve"
    )


def test_without_properties_all_of_them_are_returned(caller: Caller) -> None:
    (row,) = caller.retrieve("Subscriber", where=("SubscriberKey", "ada"))
    assert row.findtext(f"{API}EmailAddress") == "ada@example.com"
    assert row.findtext(f"{API}Client/{API}ID") == "510001"


def test_the_client_of_a_row_can_be_requested(caller: Caller) -> None:
    for name in ("Client", "Client.ID"):
        (first, *_) = caller.retrieve("List", name, "ID", "ObjectID")
        assert first.findtext(f"{API}Client/{API}ID") == "510001"


def test_a_batch_size_limits_the_page(caller: Caller) -> None:
    more = "<Options><BatchSize>3</BatchSize></Options>"
    answer = caller.post(retrieve_call("Subscriber", "ID", more=more), action="Retrieve")
    assert overall(answer) == "MoreDataAvailable"
    root = etree.fromstring(answer.content)
    assert len(root.findall(f".//{API}Results")) == 3
    rest = f"<ContinueRequest>{root.findtext(f'.//{API}RequestID')}</ContinueRequest>{more}"
    answer = caller.post(retrieve_call("Subscriber", more=rest), action="Retrieve")
    assert overall(answer) == "OK"
    assert len(etree.fromstring(answer.content).findall(f".//{API}Results")) == 1


@pytest.mark.parametrize("options", ["<RequestType>Asynchronous</RequestType>", DELETE])
def test_an_option_of_update_that_is_not_served_is_a_fault(caller: Caller, options: str) -> None:
    item = (
        '<Objects xsi:type="Subscriber"><SubscriberKey>ada</SubscriberKey>'
        "<EmailAddress>other@example.com</EmailAddress></Objects>"
    )
    answer = caller.post(update_call(item, options=options), action="Update")
    assert answer.status_code == 500
    assert b"soap:Client" in answer.content
    assert found(caller, simple("EmailAddress", "beginsWith", "other")) == set()
    served = "<RequestType>Synchronous</RequestType>"
    assert (
        results(caller.post(update_call(item, options=served), action="Update"))[0].status == "OK"
    )
