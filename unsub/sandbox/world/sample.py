"""The sample data shared by `make run`, documentation and tests. All of it is invented."""

from collections.abc import Mapping

from .entities import Attribute, DataExtension, Job, ListKind, MailList, Subscriber, Unit

PARENT = 510001
CHILD = 510002
FIRST_SUBSCRIBER = 1001

# CustomerKeys of the triggered send definitions.
DEFINITIONS = ("confirm-subscription", "confirm-address", "address-notice", "new-link", "ask-back")

# CustomerKeys of the data extensions.
PREFERENCES, SURVEYS = "email-preferences", "surveys"

_NAMED = ("ada", "grace", "emil", "mina")
# As Retrieve returns them: dates in the US format, with a time.
_TRAITS: Mapping[str, Mapping[str, str]] = {
    "ada": {
        "First Name": "Ada",
        "Last Name": "Sample",
        "Birthday": "5/17/1990 12:00:00 AM",
        "City": "London",
        "Shoe size": "38",
        "Newsletter by post": "True",
        "Loyalty ID": "L-20417",
        "Internal score": "7",
    },
    "grace": {"First Name": "Grace", "Last Name": "Model", "City": "Paris"},
    "emil": {"First Name": "Emil", "Last Name": "Muster", "City": "Berlin"},
    "mina": {"First Name": "Mina", "Last Name": "Example", "Newsletter by post": "False"},
}
_STRANGER: Mapping[str, str] = {"Last Name": "Sample"}


def sample_units(*, key_permission: bool = True) -> tuple[Unit, ...]:
    """Return the parent unit, which the token belongs to, and its child."""
    return (
        Unit(mid=PARENT, name="Example Outfitters", key_permission=key_permission),
        Unit(mid=CHILD, name="Example Kids", parent=PARENT, key_permission=key_permission),
    )


def sample_lists() -> tuple[MailList, ...]:
    """Return the lists of both units, each unit's All Subscribers list first."""
    return (
        MailList(list_id=7000, mid=PARENT, name="All Subscribers", kind=ListKind.ALL),
        MailList(
            list_id=7001, mid=PARENT, name="Weekly offers", description="Every Friday: what is new."
        ),
        MailList(list_id=7002, mid=PARENT, name="Product news"),
        MailList(list_id=7003, mid=PARENT, name="Staff", public=False),
        MailList(
            list_id=7004,
            mid=PARENT,
            name="Events near you",
            description="Twice a year, when we come to your town.",
            members=frozenset(),
        ),
        MailList(list_id=7008, mid=PARENT, name="Window shoppers", kind=ListKind.GROUP),
        MailList(list_id=7009, mid=PARENT, name="Do not mail", kind=ListKind.SUPPRESSION),
        MailList(list_id=7100, mid=CHILD, name="All Subscribers", kind=ListKind.ALL),
        MailList(list_id=7101, mid=CHILD, name="Kids club"),
    )


def sample_jobs() -> tuple[Job, ...]:
    """Return the jobs. Two went to the weekly offers, so that tests can tell the newest."""
    return (
        Job(
            job_id=88001, mid=PARENT, list_id=7001, name="Weekly offers",
            subject="Coats and boots, and what else is new", days_ago=8,
        ),
        Job(
            job_id=88002, mid=PARENT, list_id=7001, name="Weekly offers",
            subject="Rain is coming: be dry", days_ago=1,
        ),
        Job(
            job_id=88003, mid=PARENT, list_id=7002, name="Product news",
            subject="What we made this spring", days_ago=3,
        ),
        Job(
            job_id=88101, mid=CHILD, list_id=7101, name="Kids club welcome",
            subject="Welcome to the club", days_ago=2,
        ),
    )  # fmt: skip


def sample_attributes() -> tuple[Attribute, ...]:
    """Return the profile attributes: each data type, a read-only and a hidden one."""
    return (
        Attribute(name="First Name", max_length=50),
        Attribute(name="Last Name", max_length=50, required=True),
        Attribute(name="Birthday", data_type="Date"),
        Attribute(
            name="City",
            max_length=50,
            choices=("Berlin", "Köln", "Paris", "London"),
            description="The shop that is nearest to you.",
        ),
        Attribute(name="Shoe size", data_type="Number"),
        Attribute(name="Newsletter by post", data_type="Boolean"),
        Attribute(name="Second address", data_type="EmailAddress", max_length=254),
        Attribute(name="Loyalty ID", max_length=20, editable=False),
        Attribute(name="Internal score", data_type="Number", viewable=False, editable=False),
    )


def sample_data_extensions() -> tuple[DataExtension, ...]:
    """Return the data extensions of the parent unit: preferences by SubscriberKey, with a row for
    two subscribers, and another by address."""
    return (
        DataExtension(
            key=PREFERENCES,
            mid=PARENT,
            name="Email preferences",
            columns=(
                Attribute(name="SubscriberKey", max_length=254, required=True),
                Attribute(name="Tips", data_type="Boolean"),
                Attribute(name="Frequency", max_length=10),
                Attribute(name="ChangedOn", data_type="Date"),
            ),
            rows=(
                {"SubscriberKey": "ada-1001", "Tips": "True", "Frequency": "weekly"},
                {"SubscriberKey": "grace-1002", "Tips": "False", "Frequency": ""},
            ),
        ),
        DataExtension(
            key=SURVEYS,
            mid=PARENT,
            name="Surveys",
            primary_key="Email",
            columns=(
                Attribute(name="Email", data_type="EmailAddress", max_length=254, required=True),
                Attribute(name="Surveys", max_length=1),
            ),
            rows=({"Email": "grace@example.com", "Surveys": "Y"},),
        ),
    )


def sample_subscribers(count: int) -> tuple[Subscriber, ...]:
    """Return `count` subscribers with SubscriberIDs from 1001; the first four have names."""
    return tuple(_person(FIRST_SUBSCRIBER + index) for index in range(count))


def sample_strangers(keys: Mapping[int, str]) -> tuple[Subscriber, ...]:
    """Return a subscriber for each SubscriberID and key."""
    return tuple(
        Subscriber(
            subscriber_id=subscriber_id,
            key=key,
            email=f"sub{subscriber_id}@example.com",
            attributes=_STRANGER,
        )
        for subscriber_id, key in keys.items()
    )


def _person(subscriber_id: int) -> Subscriber:
    index = subscriber_id - FIRST_SUBSCRIBER
    if index < len(_NAMED):
        name = _NAMED[index]
        return Subscriber(
            subscriber_id=subscriber_id,
            key=f"{name}-{subscriber_id}",
            email=f"{name}@example.com",
            attributes=_TRAITS[name],
        )
    return Subscriber(
        subscriber_id=subscriber_id,
        key=f"sub-{subscriber_id}",
        email=f"sub{subscriber_id}@example.com",
        attributes=_STRANGER,
    )
