"""The floor of `make bench-web`: views that do the least that Django can do for the same answer.

A WSGI application of its own, on the same servers: one that inserts one row, one that reads one row
by its primary key and sends as many bytes as the page has, and one that does neither.
"""

import os
from pathlib import Path
from typing import Any

import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.urls import path
from environ import Env

# What a one-click POST writes, in as many columns of the same width.
TABLE = """
CREATE TABLE IF NOT EXISTS bench_floor (id bigserial PRIMARY KEY, subscriber_id bigint,
    subscriber_key varchar(254) NOT NULL, email_address varchar(254) NOT NULL,
    address_digest varchar(80) NOT NULL, address_mask varchar(260) NOT NULL,
    forgotten_at timestamptz, id_digest varchar(80) NOT NULL, key_digest varchar(80) NOT NULL,
    job_id bigint, list_id bigint,
    batch_id bigint, language varchar(35) NOT NULL, subscriber_digest varchar(80) NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now(),
    next_attempt_at timestamptz NOT NULL DEFAULT now(),
    give_up_at timestamptz NOT NULL DEFAULT now(), lease_until timestamptz, lease uuid,
    attempts integer NOT NULL, outcome varchar(30) NOT NULL, error_code bigint,
    sfmc_request_id varchar(64) NOT NULL, finished_at timestamptz, mid bigint NOT NULL,
    scope varchar(4) NOT NULL, channel varchar(10) NOT NULL, reason_id bigint,
    reason_text varchar(100) NOT NULL, kind varchar(12) NOT NULL, target_type varchar(10) NOT NULL,
    target_id bigint, target_name varchar(150) NOT NULL, value text NOT NULL,
    status varchar(10) NOT NULL, call_method varchar(12) NOT NULL, idempotency_key varchar(80))
"""
INSERT = """
INSERT INTO bench_floor (subscriber_id, subscriber_key, email_address, address_digest, address_mask,
    id_digest, key_digest, job_id, list_id, batch_id, language, subscriber_digest, attempts,
    outcome, sfmc_request_id, mid, scope, channel, reason_text, kind, target_type, target_id,
    target_name, value, status, call_method, idempotency_key)
VALUES (%s, '', '', '', '', '', '', %s, %s, 0, '', %s, 0, '', '', %s, 'list', 'one_click', '',
    'unsubscribe', 'list', %s, '', '', 'pending', 'event', %s)
"""
DIGEST = "s1540169c:" + 64 * "0"
PAGE = Path(os.environ["BENCH_PAGE"]).read_text() if "BENCH_PAGE" in os.environ else ""


def insert(_request: HttpRequest) -> HttpResponse:
    """Insert one row, in one statement and one commit."""
    with connection.cursor() as cursor:
        cursor.execute(INSERT, (1001, 88002, 7001, DIGEST, 510001, 7001, DIGEST))
    return HttpResponse("Unsubscribe request accepted.\n", content_type="text/plain")


def read(_request: HttpRequest) -> HttpResponse:
    """Read one row by its primary key; send a page of the same length as ours."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM unsub_businessunit WHERE mid = %s", (510001,))
        cursor.fetchone()
    return HttpResponse(PAGE)


def bare(_request: HttpRequest) -> HttpResponse:
    """Send a page, without the database."""
    return HttpResponse(PAGE[:6000], status=404)


urlpatterns = [path("insert", insert), path("read", read), path("bare", bare)]


def configure() -> Any:
    """Return the application."""
    database = Env().db_url("DATABASE_URL")
    settings.configure(
        SECRET_KEY="only-for-a-benchmark",  # noqa: S106
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF="scripts.bench_floor",
        DATABASES={"default": database | {"CONN_MAX_AGE": 600}},
        USE_TZ=True,
    )
    django.setup()
    return get_wsgi_application()


application = configure() if "BENCH_PAGE" in os.environ else None
