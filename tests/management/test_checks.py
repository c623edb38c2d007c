"""System checks: each can be provoked, and a complete configuration passes all."""

import pytest
from django.core.checks import CheckMessage
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django.fixtures import Settings

from tests.links.forge import public_pem
from unsub.checks import check_deployment, check_units, check_values
from unsub.domain.digest_keys import DigestKeyring
from unsub.exporting import storage
from unsub.links.keyring import Keyring
from unsub.models import BusinessUnit


@pytest.fixture
def whole(settings: Settings) -> Settings:
    """The settings of a complete deployment."""
    settings.SFMC_AUTH_URL = "https://example.auth.example.com"
    settings.SFMC_SOAP_URL = "https://example.soap.example.com"
    settings.SFMC_CLIENT_ID = settings.SFMC_CLIENT_SECRET = "x"
    settings.SFMC_ACCOUNT_ID = 510001
    settings.SECOND_FACTOR = True
    settings.REDIS_URL = "redis://:word@redis.example.com:6379/0"
    settings.CACHE_URL = "rediss://user:word@cache.example.com:6379/0"
    settings.ADMINS = [("operator", "operator@example.com")]
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.LINK_KEYRING = Keyring.from_json({"*": ["k" * 32]})
    settings.DIGEST_KEYRING = DigestKeyring.from_json({"1": "d" * 32})
    return settings


def found() -> list[str]:
    """Return the ids of the messages."""
    messages: list[CheckMessage] = [*check_deployment(), *check_values()]
    assert all(message.hint for message in messages)
    return [str(message.id) for message in messages]


def test_a_complete_configuration_passes(whole: Settings) -> None:
    assert found() == []


@pytest.mark.parametrize(
    ("name", "value", "wrong"),
    [
        ("SFMC_CLIENT_SECRET", "", "unsub.E001"),
        ("LINK_KEYRING", Keyring(), "unsub.E002"),
        ("LINK_KEYRING", Keyring.from_json({"*": ["k" * 31]}), "unsub.E003"),
        ("DIGEST_KEYRING", DigestKeyring(), "unsub.W011"),
        ("DIGEST_KEYRING", DigestKeyring.from_json({"1": "d" * 31}), "unsub.E011"),
        ("CELERY_BROKER_TRANSPORT", "profilecenter.missing:Transport", "unsub.E004"),
        ("SFMC_ACCOUNT_ID", None, "unsub.W001"),
        ("SFMC_SOAP_URL", "http://example.com", "unsub.W002"),
        ("SFMC_BATCH_SIZE", 51, "unsub.W003"),
        ("SFMC_CONCURRENCY", 0, "unsub.W004"),
        ("SFMC_PAGE_CONCURRENCY", 0, "unsub.W004"),
        ("SFMC_PAGE_CONCURRENCY", 20, "unsub.W004"),
        ("UNDO_SECONDS", -1, "unsub.W005"),
        ("LEASE_SECONDS", 1, "unsub.W006"),
        ("SECOND_FACTOR", False, "unsub.W008"),
        ("CACHE_URL", "redis://:word@redis.example.com:6379/1", "unsub.W021"),
        ("CACHE_URL", "redis://cache.example.com:6379/0", "unsub.W022"),
        ("REDIS_URL", "rediss://user@redis.example.com:6379/0", "unsub.W022"),
        ("REDIS_URL", "sentinel://one.example.com,two.example.com:26380/main/0", "unsub.W022"),
        ("RABBITMQ_URL", "amqp://guest@rabbit.example.com/", "unsub.W022"),
        ("SPOOL_MAX_PER_UNIT", 0, "unsub.W023"),
        ("WEBHOOK_RETENTION_DAYS", 4, "unsub.W024"),
        ("ADMINS", [], "unsub.W016"),
        ("EXPORT_URL", "sftp://name@sftp.example.com/in", "unsub.E013"),
    ],
)
def test_each_mistake_is_reported(whole: Settings, name: str, value: object, wrong: str) -> None:
    setattr(whole, name, value)
    assert found() == [wrong]


def test_printed_emails_tell_nobody_of_alarms(whole: Settings) -> None:
    whole.EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
    assert sorted(found()) == ["unsub.W016", "unsub.W017"]
    whole.ALERT_WEBHOOK_URL = "https://alerts.example.com/hook"
    whole.ALERT_WEBHOOK_SECRET = "x"
    assert found() == ["unsub.W017"]


def test_a_webhook_is_enough_to_be_told_of_alarms(whole: Settings) -> None:
    whole.ADMINS = []
    whole.ALERT_WEBHOOK_URL = "https://alerts.example.com/hook"
    whole.ALERT_WEBHOOK_SECRET = "x"
    assert found() == []


def test_user_name_and_password_are_credentials_too(whole: Settings) -> None:
    whole.SFMC_CLIENT_ID = ""
    whole.SFMC_USERNAME = whole.SFMC_PASSWORD = "x"
    assert found() == []


def test_two_sockets_are_two_servers_and_need_no_password(whole: Settings) -> None:
    whole.REDIS_URL, whole.CACHE_URL = "unix:///run/redis.sock?db=0", "unix:///run/cache.sock"
    assert found() == []
    whole.CACHE_URL = "unix:///run/redis.sock?db=1"
    assert found() == ["unsub.W021"]


def test_a_short_key_is_accepted_in_debug_mode(whole: Settings) -> None:
    whole.LINK_KEYRING = Keyring.from_json({"*": ["s" * 20]})
    whole.DIGEST_KEYRING = DigestKeyring.from_json({"1": "s" * 20})
    whole.DEBUG = True
    assert found() == []


def test_a_deployment_without_a_business_unit_is_reported(whole: Settings, db: None) -> None:
    (told,) = check_units(databases=["default"])
    assert (told.id, bool(told.hint)) == ("unsub.W009", True)
    BusinessUnit.objects.create(mid=510001, name="Example Outfitters")
    assert check_units(databases=["default"]) == []


def test_a_unit_whose_emailed_links_cannot_be_sealed_is_reported(whole: Settings, db: None) -> None:
    unit = BusinessUnit.objects.create(mid=510001, name="Example", new_link_key="new-link")
    BusinessUnit.objects.create(mid=510002, name="Without emails")
    whole.LINK_KEYRING = Keyring.from_json({"*": [public_pem()], "510003": ["k" * 32]})
    (told,) = check_units(databases=["default"])
    assert (told.id, "510001:" in told.msg, bool(told.hint)) == ("unsub.E012", True, True)
    assert not unit.mails_links
    whole.LINK_KEYRING = Keyring.from_json({"*": [public_pem()], "510001": ["k" * 32]})
    assert check_units(databases=["default"]) == []
    assert unit.mails_links


def test_the_database_is_queried_only_when_the_check_is_told_to(whole: Settings, db: None) -> None:
    # `make check` has no database.
    with CaptureQueriesContext(connection) as queries:
        assert check_units(databases=None) == []
    assert not queries.captured_queries


@pytest.mark.parametrize("url", ["s3://bucket/in", "sftp://name@sftp.example.com/in"])
def test_an_export_without_its_package_is_reported(
    whole: Settings, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    whole.EXPORT_URL, whole.EXPORT_SFTP_HOST_KEY = url, "ssh-ed25519 AAAA"
    assert found() == []
    monkeypatch.setattr(storage, "find_spec", lambda _name: None)
    assert found() == ["unsub.E013"]
