"""The sign-in pages as the tests use them."""

import re
import time

from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal import auth as totp
from django.contrib.auth.models import User
from django.test import Client

from tests.helpers import seen
from unsub.accounts import secret_box

LOGIN = "/admin/account/login/?next=/admin/"
RIGHT = {"login": "boss", "password": "right-and-long"}
LONG = "a-long-new-one-17"
WRONG = RIGHT | {"password": "wrong"}
ACTIVATE = "/admin/account/second-factor/totp/activate/"
TURNED_AWAY = "not correct"
LOCKED_OUT = "Too many failed"


def code_of(user: User) -> str:
    """Return the current code of a user's authenticator app."""
    app = Authenticator.objects.get(user=user, type="totp")
    return code_for(secret_box.unseal(app.data["secret"]))


def code_for(secret: str) -> str:
    """Return the current code of a secret."""
    counter = int(time.time()) // 30
    return str(totp.format_hotp_value(totp.hotp_value(secret, counter)))


def set_up(client: Client) -> None:
    """Set up an authenticator app, as the page asks for it."""
    page = client.get(ACTIVATE)
    assert page.status_code == 200, page["Location"]
    secret = re.search(r'value="([A-Z2-7]{16,})"', page.content.decode())
    assert secret
    answer = client.post(ACTIVATE, {"code": code_for(secret[1])})
    assert answer.status_code == 302, seen(answer.content)


def choose_password(client: Client, path: str) -> None:
    """Open the link that sets a password, and choose LONG."""
    form = client.get(path, follow=True)
    assert form.status_code == 200
    answer = client.post(form.redirect_chain[-1][0], {"password1": LONG, "password2": LONG})
    assert answer.status_code == 302, seen(answer.content)
