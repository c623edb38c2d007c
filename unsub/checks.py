"""System checks: what is missing or wrong in the settings (`manage.py check --deploy`).

Most are deployment checks and do not stop a process: without credentials requests are still
accepted, and held (design, invariant 10).
"""

from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import urlsplit

from django.apps import apps
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register  # noqa: A004
from django.core.exceptions import ImproperlyConfigured
from django.db import DEFAULT_DB_ALIAS, connections

from .exporting.storage import missing_package
from .infra.redis_client import require_transport

BATCH_MOST = 50  # objects in a synchronous call (manual: API guidance)
# Backends of EMAIL_URL that send nothing.
_UNSENT = tuple(
    f"django.core.mail.backends.{name}.EmailBackend" for name in ("console", "dummy", "filebased")
)
CONCURRENCY_MOST = 20  # simultaneous synchronous calls


def register_all() -> None:
    """Register the checks of this module."""
    register(check_deployment, Tags.security, deploy=True)
    register(check_values, "unsub")
    register(check_units, Tags.database, deploy=True)
    register(check_pooler, Tags.database, deploy=True)
    register(check_rights, Tags.database, deploy=True)


def check_deployment(**_: Any) -> list[CheckMessage]:
    """Return what a deployment lacks in order to deliver, or to be safe."""
    return [
        *_credentials(), *_no_keys(), *_plain_text(), *_unsigned(), *_one_factor(),
        *_no_digest_keys(), *_open_redis(), *_printed_emails(), *_nobody_told(),
        *_no_export(),
    ]  # fmt: skip


def check_values(**_: Any) -> list[CheckMessage]:
    """Return errors and warnings for unsuitable values of settings."""
    return [*_weak_keys(), *_weak_digest_keys(), *_no_transport(), *_ranges()]


def check_units(*, databases: Iterable[str] | None = None, **_: Any) -> list[CheckMessage]:
    """Return W009 where there is no business unit, E012 for units whose emailed links cannot be
    made.

    Queries the database only with `check --database default`, as Django's own checks do. Raises
    DatabaseError where it does not answer.
    """
    if DEFAULT_DB_ALIAS not in (databases or ()):
        return []
    if _has_units():
        return list(_cannot_seal())
    return [
        Warning(
            "There is no business unit: pages are shown without a name.",
            hint="Run migrate, which creates the unit of SFMC_ACCOUNT_ID, or add_unit --mid MID "
            "--name NAME.",
            id="unsub.W009",
        )
    ]


def check_pooler(*, databases: Iterable[str] | None = None, **_: Any) -> list[CheckMessage]:
    """Return W020 where statements outside a transaction have no time-out: a connection pooler lets
    us set it for a transaction only. Queries the database as check_units does."""
    connection = connections[DEFAULT_DB_ALIAS]
    if DEFAULT_DB_ALIAS not in (databases or ()) or not connection.settings_dict.get("POOLER"):
        return []
    with connection.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        if cursor.fetchone()[0] != "0":
            return []
    return [
        Warning(
            "Behind the connection pooler, a statement outside a transaction has no time-out.",
            hint="Give the database's role one: ALTER ROLE name SET statement_timeout = '15s'.",
            id="unsub.W020",
        )
    ]


def check_rights(*, databases: Iterable[str] | None = None, **_: Any) -> list[CheckMessage]:
    """Return W019 where this process may empty the tables of the audit. Queries the database, as
    `check_units` does."""
    if DEFAULT_DB_ALIAS not in (databases or ()) or not _may_truncate():
        return []
    return [
        Warning(
            "This process may truncate and alter the tables of the audit: it owns them.",
            hint="Give DATABASE_URL a role of its own, and migrate as the owner: "
            "docs/operations/scaling.md, the roles of the database.",
            id="unsub.W019",
        )
    ]


def _may_truncate() -> bool:
    """Return whether the role of this process may truncate the table of requests."""
    connection = connections[DEFAULT_DB_ALIAS]
    table = "unsub_subscriberrequest"
    if connection.vendor != "postgresql" or table not in connection.introspection.table_names():
        return False
    with connection.cursor() as cursor:
        cursor.execute("SELECT has_table_privilege(%s, 'TRUNCATE')", [table])
        return bool(cursor.fetchone()[0])


def _has_units() -> bool:
    """Return whether there is a business unit. False without the table."""
    # By name: this module is imported before the models are.
    units: Any = apps.get_model("unsub", "BusinessUnit")
    # Checked first: PostgreSQL logs a query of a missing table as an error.
    tables = connections[DEFAULT_DB_ALIAS].introspection.table_names()
    return "unsub_businessunit" in tables and units.objects.exists()


def _cannot_seal() -> Iterator[CheckMessage]:
    """Yield E012 where units have emails with links to the profile centre, and no key to encrypt
    these links."""
    units: Any = apps.get_model("unsub", "BusinessUnit")
    mids = [
        str(unit.mid)
        for unit in units.objects.only("mid", "new_link_key", "ask_back_key").order_by("mid")
        if (unit.new_link_key or unit.ask_back_key) and not unit.seals_links
    ]
    if mids:
        yield Error(
            "LINK_KEYS has no key that can encrypt the links in emails of the business units "
            f"{', '.join(mids)}: new links and pauses that end with an email are not offered.",
            hint="Add a key that is no RSA key to LINK_KEYS, after the others: it need not be in "
            "Marketing Cloud.",
            id="unsub.E012",
        )


def _credentials() -> Iterator[CheckMessage]:
    """Yield E001 without credentials, W001 without the MID that the token belongs to."""
    oauth = (settings.SFMC_CLIENT_ID, settings.SFMC_CLIENT_SECRET, settings.SFMC_AUTH_URL)
    password = (settings.SFMC_USERNAME, settings.SFMC_PASSWORD, settings.SFMC_SOAP_URL)
    if not all(oauth) and not all(password):
        yield Error(
            "Marketing Cloud credentials are missing. Requests are accepted and put on hold.",
            hint="Set SFMC_SUBDOMAIN, SFMC_CLIENT_ID and SFMC_CLIENT_SECRET.",
            id="unsub.E001",
        )
    elif not settings.SFMC_ACCOUNT_ID:
        yield Warning(
            "SFMC_ACCOUNT_ID is not set. The token is issued for the package’s own business unit.",
            hint="Set SFMC_ACCOUNT_ID to the MID of the installed package's business unit.",
            id="unsub.W001",
        )


def _no_keys() -> Iterator[CheckMessage]:
    """Yield E002 where no link can be read."""
    if not settings.LINK_KEYRING:
        yield Error(
            "LINK_KEYS is empty. All links are rejected.",
            hint='Set LINK_KEYS to {"*": ["the key of Key Management in Marketing Cloud"]}.',
            id="unsub.E002",
        )


def _plain_text() -> Iterator[CheckMessage]:
    """Yield W002 where secrets would be sent without encryption."""
    for name in ("SFMC_AUTH_URL", "SFMC_SOAP_URL"):
        url = getattr(settings, name)
        if url and not url.startswith("https://"):
            yield Warning(
                f"{name} does not use HTTPS. Credentials would be sent unencrypted.",
                hint=f"Set {name} to an https URL, or remove it and set SFMC_SUBDOMAIN.",
                id="unsub.W002",
            )


def _unsigned() -> Iterator[CheckMessage]:
    """Yield W007 for a webhook whose messages could be forged."""
    if settings.ALERT_WEBHOOK_URL and not settings.ALERT_WEBHOOK_SECRET:
        yield Warning(
            "ALERT_WEBHOOK_SECRET is not set. Anyone who knows the URL can send fake alerts.",
            hint="Set it to a long random text, here and at the receiver.",
            id="unsub.W007",
        )


def _open_redis() -> Iterator[CheckMessage]:
    """Yield W021 where the cache is in the broker, W022 where anybody may write to one of them
    or to RabbitMQ."""
    if _place(settings.REDIS_URL) == _place(settings.CACHE_URL):
        yield Warning(
            "The cache is in the broker's Redis, whose append-only file keeps what a cache drops.",
            hint="Set CACHE_URL to another Redis, which writes nothing to a disk.",
            id="unsub.W021",
        )
    for name in ("REDIS_URL", "CACHE_URL", "RABBITMQ_URL"):
        url = urlsplit(getattr(settings, name))
        if url.scheme not in {"", "unix"} and not url.password:
            yield Warning(
                f"{name} has no password: whoever reaches it can make workers run any task.",
                hint=f"Set requirepass, or an ACL user, in Redis (in RabbitMQ a user), and the "
                f"password in {name}.",
                id="unsub.W022",
            )


def _place(url: str) -> tuple[str, str]:
    """Return where a Redis is: databases of one server have one append-only file."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return (host, "") if host else ("", parts.path)


def _nobody_told() -> Iterator[CheckMessage]:
    """Yield W016 where alarms reach nobody."""
    by_email = settings.ADMINS and settings.EMAIL_BACKEND not in _UNSENT
    if not by_email and not settings.ALERT_WEBHOOK_URL:
        yield Warning(
            "Alerts reach no one. "
            + ("EMAIL_URL names no mail server." if settings.ADMINS else "ADMINS is not set.")
            + " ALERT_WEBHOOK_URL is not set either.",
            hint="Set ADMINS and EMAIL_URL, or ALERT_WEBHOOK_URL.",
            id="unsub.W016",
        )


def _one_factor() -> Iterator[CheckMessage]:
    """Yield W008 where a password alone gives access to the admin."""
    if not settings.SECOND_FACTOR:
        yield Warning(
            "SECOND_FACTOR is off. The admin is protected by passwords only.",
            hint="Remove SECOND_FACTOR, or set it to true.",
            id="unsub.W008",
        )


def _printed_emails() -> Iterator[CheckMessage]:
    """Yield W017 where emails are printed instead of sent."""
    if settings.EMAIL_BACKEND.endswith(".console.EmailBackend") and not settings.DEBUG:
        yield Warning(
            "EMAIL_URL is not set: emails are written to standard output, with the links that set "
            "passwords in them, and alerts reach no one by email.",
            hint="Set EMAIL_URL to a mail server.",
            id="unsub.W017",
        )


def _no_digest_keys() -> Iterator[CheckMessage]:
    """Give W011 where digests depend on SECRET_KEY."""
    if not settings.DIGEST_KEYRING:
        yield Warning(
            "DIGEST_KEYS is not set: without a former SECRET_KEY in SECRET_KEY_FALLBACKS, a "
            "subscriber's earlier requests are not found.",
            hint="Set DIGEST_KEYS before SECRET_KEY is changed: manage.py new_digest_key prints "
            "a value that still finds what is stored.",
            id="unsub.W011",
        )


def _weak_digest_keys() -> Iterator[CheckMessage]:
    """Give E011 for digest keys that could be guessed."""
    for name in settings.DIGEST_KEYRING.weak_keys():
        if not settings.DEBUG:
            yield Error(
                f"The digest key {name} is shorter than 32 bytes.",
                hint="Put a longer key first in DIGEST_KEYS: manage.py new_digest_key makes one.",
                id="unsub.E011",
            )


def _weak_keys() -> Iterator[CheckMessage]:
    """Yield E003 for link keys that are too short."""
    for name in settings.LINK_KEYRING.weak_keys():
        if not settings.DEBUG:
            yield Error(
                f"The link key {name} is shorter than 32 bytes (RFC 7518, section 3.2).",
                hint="Create a longer key in Key Management and put it first in its list.",
                id="unsub.E003",
            )


def _no_export() -> Iterator[CheckMessage]:
    """Yield E013 where no scheduled export can be written."""
    package = missing_package(settings.EXPORT_URL)
    if package:
        yield Error(
            f"EXPORT_URL needs the package {package}, which is not installed: no export is "
            "written.",
            hint="Install requirements/storage.txt, or build the image with STORAGE=yes.",
            id="unsub.E013",
        )
    elif settings.EXPORT_URL.startswith("sftp:") and not settings.EXPORT_SFTP_HOST_KEY:
        yield Error(
            "EXPORT_SFTP_HOST_KEY is not set: no export is written to a server that may be any.",
            hint="Set it to the type and the key of a line of ssh-keyscan, compared with the "
            "server's.",
            id="unsub.E013",
        )


def _no_transport() -> Iterator[CheckMessage]:
    """Yield E004 where no message can be sent to the broker."""
    try:
        require_transport()
    except ImproperlyConfigured as err:
        yield Error(
            str(err),
            hint="Install every package of requirements/base.txt.",
            id="unsub.E004",
        )


def _ranges() -> Iterator[CheckMessage]:
    """Yield W003 to W006, W023 and W024 for numbers out of range."""
    rules = (
        ("W003", 1 <= settings.SFMC_BATCH_SIZE <= BATCH_MOST,
         f"Set SFMC_BATCH_SIZE to 1–{BATCH_MOST}."),
        ("W004", 1 <= settings.SFMC_CONCURRENCY <= CONCURRENCY_MOST,
         f"Set SFMC_CONCURRENCY to 1–{CONCURRENCY_MOST}."),
        ("W004", settings.SFMC_CONCURRENCY < 2
         or 1 <= settings.SFMC_PAGE_CONCURRENCY < settings.SFMC_CONCURRENCY,
         "Set SFMC_PAGE_CONCURRENCY to 1 or more, and less than SFMC_CONCURRENCY."),
        ("W005", settings.UNDO_SECONDS >= 0 and settings.SWEEP_SECONDS >= 1,
         "Set UNDO_SECONDS to 0 or more and SWEEP_SECONDS to 1 or more."),
        ("W006", settings.LEASE_SECONDS >= 4 * settings.SFMC_TIMEOUT,
         "Set LEASE_SECONDS to at least 4 × SFMC_TIMEOUT. Otherwise requests may be sent twice."),
        ("W024", settings.WEBHOOK_TIMEOUT > 0 and settings.WEBHOOK_CONCURRENCY >= 1
         and settings.WEBHOOK_RETENTION_DAYS >= 5,
         "Set WEBHOOK_TIMEOUT and WEBHOOK_CONCURRENCY to 1 or more, WEBHOOK_RETENTION_DAYS to 5."),
        ("W023", settings.SPOOL_MAX_PER_UNIT >= 1, "Set SPOOL_MAX_PER_UNIT to 1 or more."),
    )  # fmt: skip
    for number, fulfilled, sentence in rules:
        if not fulfilled:
            yield Warning(sentence, hint="See docs/operations/settings.md.", id=f"unsub.{number}")
