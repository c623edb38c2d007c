"""The admin is in English, whatever language a browser asks for."""

import re

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django.fixtures import Settings

from tests.helpers import link, person, seen
from unsub.models import BusinessUnit

pytestmark = pytest.mark.django_db
PAGES = (
    "/admin/", "/admin/unsub/subscriberrequest/", "/admin/unsub/reason/add/",
    "/admin/unsub/invitation/add/", "/admin/auth/user/", "/admin/account/settings/",
    "/admin/account/second-factor/", "/admin/unsub/businessunit/510001/history/",
)  # fmt: skip


@pytest.mark.parametrize("language", ["de", "ar", "pt-BR,pt;q=0.9", "ja"])
def test_every_page_is_in_english(unit: BusinessUnit, language: str, settings: Settings) -> None:
    client = person("administrator", unit)
    User.objects.update(is_superuser=True)
    wanted = {path: seen(client.get(path).content) for path in PAGES}
    # Recipients' pages have languages, and must not leave one behind in the thread.
    assert client.get(link(settings), headers={"accept-language": language}).status_code == 200
    for path in PAGES:
        answer = client.get(path, headers={"accept-language": language})
        html = answer.content.decode()
        assert re.search(r"<html[^>]* lang=\"en\"", html), path
        assert not re.search(r"<html[^>]* dir=\"rtl\"", html), path
        assert seen(answer.content) == wanted[path], path


def test_the_sign_in_page_is_in_english(client: Client) -> None:
    html = client.get("/admin/account/login/", headers={"accept-language": "de"}).content.decode()
    assert 'lang="en"' in html
    assert "Username or email address" in html
