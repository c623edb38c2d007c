"""The door of the admin."""

import pytest
import redis
from django.contrib.auth.models import User
from django.test import Client
from pytest_django.fixtures import Settings
from redis.backoff import NoBackoff
from redis.retry import Retry

from unsub import sign_in, throttle

from .test_page import seen

pytestmark = pytest.mark.django_db
LOGIN = "/admin/login/?next=/admin/"
RIGHT = {"username": "boss", "password": "right-and-long"}
WRONG = RIGHT | {"password": "wrong"}


@pytest.fixture(autouse=True)
def nobody_counted(settings: Settings, db: None) -> None:
    """A superuser, and a broker that counted nobody yet."""
    User.objects.create_superuser("boss", password="right-and-long")
    with redis.Redis.from_url(settings.REDIS_URL) as broker:
        for key in broker.scan_iter("profilecenter:throttle:login:*"):
            broker.delete(key)


def test_who_fails_ten_times_waits_even_with_the_right_password(client: Client) -> None:
    for _ in range(sign_in.FAILURES):
        assert "Please enter the correct" in seen(client.post(LOGIN, WRONG).content)
    answer = client.post(LOGIN, RIGHT)
    assert "Too many failures" in seen(answer.content)
    assert "_auth_user_id" not in client.session
    assert "Please enter the correct" in seen(
        client.post(LOGIN, {"username": "other", "password": "x"}).content
    )


def test_a_name_that_is_not_there_is_locked_the_same(client: Client) -> None:
    nobody = {"username": "nobody", "password": "x"}
    for _ in range(sign_in.FAILURES):
        client.post(LOGIN, nobody)
    assert "Too many failures" in seen(client.post(LOGIN, nobody).content)


def test_signing_in_is_no_failure(client: Client) -> None:
    for _ in range(sign_in.FAILURES + 2):
        assert client.post(LOGIN, RIGHT).status_code == 302


def test_without_a_broker_the_right_password_still_opens(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(throttle, "_counters", redis.Redis(port=1, retry=Retry(NoBackoff(), 0)))
    assert "Please enter the correct" in seen(client.post(LOGIN, WRONG).content)
    assert client.post(LOGIN, RIGHT).status_code == 302


def test_a_session_ends_after_a_working_day(client: Client) -> None:
    client.post(LOGIN, RIGHT)
    assert client.session.get_expiry_age() == 12 * 3600
