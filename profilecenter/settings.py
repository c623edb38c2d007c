"""Settings, and the only reader of the environment.

Each name can also be given as NAME_FILE, the path of a file that contains the value, for Docker and
Kubernetes secrets. docs/operations/settings.md has the table.
"""

import ssl
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from kombu import Exchange, Queue
from redis.backoff import NoBackoff
from redis.retry import Retry

from unsub.domain.digest_keys import DigestKeyring
from unsub.infra.redis_connections import read_address
from unsub.links.tokens import Keyring

from .environment import BASE_DIR, SettingError, read_environment
from .logs import LEVELS, STYLES, default_style, logging_config
from .theme import UNFOLD  # noqa: F401 - read by Django

VAR_DIR = BASE_DIR / "var"

env = read_environment()

# The image sets both: its Dockerfile takes them as build arguments.
PROFILECENTER_VERSION = env.str("PROFILECENTER_VERSION", default="development")
PROFILECENTER_REVISION = env.str("PROFILECENTER_REVISION", default="unknown")

DEBUG = env.bool("DEBUG", default=False)
# A process started without a SECRET_KEY fails at once instead of signing with a known one.
SECRET_KEY = env.str("SECRET_KEY", default="only-for-debugging") if DEBUG else env.str("SECRET_KEY")
# Former values of SECRET_KEY, until every session and secret has been renewed.
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])
# A container's health checks use these names from inside.
ALLOWED_HOSTS = [*env.list("ALLOWED_HOSTS", default=[]), "localhost", "127.0.0.1", "[::1]"]

PUBLIC_URL = env.address(
    "PUBLIC_URL", schemes=("https", "http"), default="http://localhost:8000"
).rstrip("/")
_public = urlsplit(PUBLIC_URL)
# The admin answers under this host alone; links to it, such as those that set a password, begin
# with this address, whatever the Host header of a request is.
ADMIN_URL = env.address("ADMIN_URL", schemes=("https", "http"), default=PUBLIC_URL).rstrip("/")
_admin = urlsplit(ADMIN_URL)
ALLOWED_HOSTS += [
    host for host in (_public.hostname, _admin.hostname) if host and host not in ALLOWED_HOSTS
]

INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.humanize",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "unsub",
]

# Recipients' pages pass the first three alone (docs/adr/0030).
MIDDLEWARE = [
    "unsub.web.request_ids.RequestIdMiddleware",
    "unsub.web.middleware.SchemeMiddleware",
    "unsub.web.middleware.RecipientMiddleware",
    # Other systems pass this one, too, and none behind it (docs/adr/0037).
    "unsub.api.middleware.ApiMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    # With padding of random length, so that sizes reveal nothing (BREACH).
    "django.middleware.gzip.GZipMiddleware",
    "unsub.web.middleware.ProbeMiddleware",
    "unsub.web.middleware.AdminMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "unsub.accounts.second_factor.SecondFactorMiddleware",
    "unsub.accounts.time_zones.TimeZoneMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "profilecenter.urls"
WSGI_APPLICATION = "profilecenter.wsgi.application"
# RFC 8058, section 3.1: the one-click POST must not be answered with a redirect.
APPEND_SLASH = False

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]


def _database(name: str, config: dict[str, Any]) -> dict[str, Any]:
    """Return the configuration of the database that the variable `name` gave: PostgreSQL, or
    SQLite."""
    options: dict[str, Any] = config.setdefault("OPTIONS", {})
    if config["ENGINE"].endswith("sqlite3"):
        # IMMEDIATE takes the write lock first: a transaction that reads and then writes
        # would otherwise fail at once with "database is locked", whatever the time-out.
        options |= {
            "timeout": 20,
            "transaction_mode": "IMMEDIATE",
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
        }
    else:
        config["ENGINE"] = "profilecenter.postgresql"
        if "pool" in options:
            raise SettingError(
                f"{name}: remove `pool`. Each thread keeps its connection; for a pooler such "
                "as PgBouncer set DATABASE_POOLER=true."
            )
        # A database that hangs counts as down after two seconds (design, invariant 1).
        options |= {"connect_timeout": 2, "tcp_user_timeout": 2000}
        if env.bool("DATABASE_POOLER", default=False):
            # The next transaction may be in another session, which knows no cursor of this one.
            config |= {"POOLER": True, "DISABLE_SERVER_SIDE_CURSORS": True}
    # Without persistent connections gunicorn handles only a quarter of the requests.
    return config | {"CONN_MAX_AGE": 600, "CONN_HEALTH_CHECKS": True}


_main = env.database("DATABASE_URL", default=f"sqlite:///{VAR_DIR}/db.sqlite3")
DATABASES = {"default": _database("DATABASE_URL", _main)}
if env.str("REPLICA_DATABASE_URL", default=""):
    # For exports of the audit alone (docs/adr/0033).
    _replica = _database("REPLICA_DATABASE_URL", env.database("REPLICA_DATABASE_URL", default=""))
    DATABASES["replica"] = _replica | {"TEST": {"MIRROR": "default"}}
    if any(one["ENGINE"] != "profilecenter.postgresql" for one in DATABASES.values()):
        raise SettingError("REPLICA_DATABASE_URL: both databases must be PostgreSQL.")
# Seconds that it may be behind; then exports read from the primary.
REPLICA_MAX_LAG = env.int("REPLICA_MAX_LAG", default=60)
# For migrate, which runs as the owner of the tables: the DATABASE_URL of the other processes.
RUN_DATABASE = env.database("RUN_DATABASE_URL", default="sqlite:///none")
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = env.redis("REDIS_URL", default="redis://localhost:6379/0")
# Carries the wake-ups and tasks instead of Redis; everything else stays in Redis (docs/adr/0033).
RABBITMQ_URL = env.rabbitmq("RABBITMQ_URL")
# The cache may be another Redis than the broker: one that writes nothing to a disk.
CACHE_URL = env.redis("CACHE_URL", default=REDIS_URL)
REDIS_TIMEOUT = 0.2  # seconds; a broker that does not answer must not delay a visitor
RABBITMQ_TIMEOUT = 0.5  # seconds; a connection takes several replies
_CACHE = {
    "BACKEND": "django.core.cache.backends.redis.RedisCache",
    # A list: Django would split a string at each comma.
    "LOCATION": [CACHE_URL],
    "KEY_PREFIX": "profilecenter",
    "OPTIONS": {
        "serializer": "profilecenter.cache.SealedSerializer",
        "pool_class": "unsub.infra.redis_connections.Pool",
        "socket_timeout": 2,
        "socket_connect_timeout": 2,
        "retry": Retry(NoBackoff(), 0),
    },
}
CACHES = {
    # Libraries use the default cache, and would raise if Redis fails.
    "default": _CACHE
    | {"BACKEND": "profilecenter.cache.ForgivingCache", "KEY_PREFIX": "profilecenter-library"},
    "shared": _CACHE,
}

# Links
LINK_KEYS = env.json("LINK_KEYS", default={})
try:
    LINK_KEYRING = Keyring.from_json(LINK_KEYS)
except ValueError as err:
    raise SettingError(str(err)) from None

# Digests of people and requests: the first key makes new ones, the others find older rows.
try:
    DIGEST_KEYRING = DigestKeyring.from_json(env.json("DIGEST_KEYS", default={}))
except ValueError as err:
    raise SettingError(str(err)) from None

# Marketing Cloud
SFMC_SUBDOMAIN = env.str("SFMC_SUBDOMAIN", default="")


def _vendor_url(name: str, kind: str) -> str:
    """Return an endpoint of the tenant, from its own variable or from SFMC_SUBDOMAIN."""
    derived = f"https://{SFMC_SUBDOMAIN}.{kind}.marketingcloudapis.com" if SFMC_SUBDOMAIN else ""
    return str(env.str(name, default=derived)).rstrip("/")


SFMC_AUTH_URL = _vendor_url("SFMC_AUTH_URL", "auth")
SFMC_SOAP_URL = _vendor_url("SFMC_SOAP_URL", "soap")
SFMC_CLIENT_ID = env.str("SFMC_CLIENT_ID", default="")
SFMC_CLIENT_SECRET = env.str("SFMC_CLIENT_SECRET", default="")
SFMC_ACCOUNT_ID = env.int("SFMC_ACCOUNT_ID", default=0) or None
SFMC_USERNAME = env.str("SFMC_USERNAME", default="")
SFMC_PASSWORD = env.str("SFMC_PASSWORD", default="")
SFMC_TIMEOUT = env.float("SFMC_TIMEOUT", default=30.0)
SFMC_BATCH_SIZE = env.int("SFMC_BATCH_SIZE", default=20)
SFMC_CONCURRENCY = env.int("SFMC_CONCURRENCY", default=20)
# Of these, for the reads of pages: the others are for deliveries.
SFMC_PAGE_CONCURRENCY = env.int("SFMC_PAGE_CONCURRENCY", default=max(1, SFMC_CONCURRENCY // 4))
SWEEP_SECONDS = env.int("SWEEP_SECONDS", default=30)
UNDO_SECONDS = env.int("UNDO_SECONDS", default=120)
LEASE_SECONDS = env.int("LEASE_SECONDS", default=int(SFMC_TIMEOUT * 4 + 60))

# Requests that the broker keeps for a business unit while the database is down; then 503.
SPOOL_MAX_PER_UNIT = env.int("SPOOL_MAX_PER_UNIT", default=100_000)

# Celery: the row is the request, a task is only a wake-up, so no result and no retry is kept there.
# Celery logs it; the transport itself reads REDIS_URL, which may name Sentinels.
CELERY_BROKER_URL = RABBITMQ_URL or read_address(REDIS_URL).url
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_PUBLISH_RETRY_POLICY = {"max_retries": 0}
if RABBITMQ_URL:
    CELERY_BROKER_TRANSPORT = urlsplit(RABBITMQ_URL).scheme
    CELERY_BROKER_CONNECTION_TIMEOUT = RABBITMQ_TIMEOUT
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "max_retries": 1,  # the first connection of a process, too
        "write_timeout": RABBITMQ_TIMEOUT,
    }
    # A web process sends no heartbeats between two wake-ups: RabbitMQ would end its connection, and
    # the next wake-up would be lost. TCP's keepalive finds a peer that is gone.
    CELERY_BROKER_HEARTBEAT = 0
    # One retry: the connection may be of before a restart of RabbitMQ.
    CELERY_TASK_PUBLISH_RETRY_POLICY = {"max_retries": 1, "interval_start": 0}
    if CELERY_BROKER_TRANSPORT == "amqps":
        # None: the host of the address. Without this the certificate could be any host's.
        CELERY_BROKER_USE_SSL = {"cert_reqs": ssl.CERT_REQUIRED, "server_hostname": None}
else:
    CELERY_BROKER_TRANSPORT = "profilecenter.transport:Transport"
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "socket_connect_timeout": REDIS_TIMEOUT,
        "socket_timeout": 5,
        # After this time a delayed wake-up of a killed worker is delivered to another one.
        "visibility_timeout": LEASE_SECONDS + 120,
    }
CELERY_TASK_IGNORE_RESULT = True
# A task is acknowledged before it runs. The sweep replaces the wake-up of a killed worker; and a
# late acknowledgement over a broken connection would end the worker.
CELERY_TASK_ACKS_LATE = False
# A delivery waits for Marketing Cloud nearly all of its time (docs/adr/0031).
CELERY_WORKER_POOL = "threads"
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
# The default exchange needs no binding in Redis. With a binding, a flushed broker would accept no
# message until every process has been restarted.
# Wake-ups have a queue of their own. A worker takes from both in turns: in one queue thousands of
# wake-ups would keep the sweep and the reading of the spool waiting until they expire.
CELERY_TASK_QUEUES = [
    Queue(name, exchange=Exchange(""), routing_key=name) for name in ("celery", "deliveries")
]
CELERY_TASK_ROUTES = {"unsub.tasks.deliver": {"queue": "deliveries"}}
CELERY_TIMEZONE = "UTC"
# Records heartbeats for /readyz and the metrics.
CELERY_BEAT_SCHEDULER = "profilecenter.programs:Scheduler"
CELERY_BEAT_SCHEDULE_FILENAME = env.str(
    "CELERY_BEAT_SCHEDULE", default=str(VAR_DIR / "celerybeat-schedule")
)
# Interval and expiry of each task, in seconds. An expired one is dropped, because the next does the
# same; the expiry leaves time for busy workers.
_PERIODIC = {
    "sweep": (SWEEP_SECONDS, SWEEP_SECONDS + 30),
    "record": (SWEEP_SECONDS, SWEEP_SECONDS + 30),
    "send_webhooks": (SWEEP_SECONDS, SWEEP_SECONDS + 30),
    "watch": (60, 60),
    "refresh_daily_counts": (60, 60),
    "start_weekly_digests": (900, 900),
    "import_events": (900, 900),
    "run_imports": (30, 60),
    "start_exports": (60, 60),
    "end_pauses": (300, 300),
    "send_invitations": (60, 60),
    # Not once a day: where beat's schedule file is lost at each start, a day might never pass.
    "apply_retention": (3600, 3600),
    "seal_audit": (300, 300),
    "find_all_subscribers_lists": (300, 300),
    "read_sends": (300, 300),
}
CELERY_BEAT_SCHEDULE = {
    name: {"task": f"unsub.tasks.{name}", "schedule": every, "options": {"expires": expires}}
    for name, (every, expires) in _PERIODIC.items()
}

# Languages and time
LANGUAGE_CODE = "en"
LANGUAGES = [
    ("en", "English"),
    ("de", "Deutsch"),
    ("fr", "Français"),
    ("es", "Español"),
    ("pt", "Português"),
    ("pt-br", "Português (Brasil)"),
    ("it", "Italiano"),
    ("nl", "Nederlands"),
    ("pl", "Polski"),
    ("sv", "Svenska"),
    ("tr", "Türkçe"),
    ("ja", "日本語"),
    ("zh-hans", "简体中文"),
    ("ko", "한국어"),
    ("ar", "العربية"),
    ("he", "עברית"),
    ("hi", "हिन्दी"),
]
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True
LOCALE_PATHS = [BASE_DIR / "locale"]
FORMAT_MODULE_PATH = ["profilecenter.formats"]

# Static files
STATIC_URL = "static/"
STATIC_ROOT = env.path("STATIC_ROOT", default=str(BASE_DIR / "staticfiles"))
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
# In a checkout nothing was collected: serve the files from their source folders.
WHITENOISE_USE_FINDERS = not Path(STATIC_ROOT).is_dir()
if WHITENOISE_USE_FINDERS:
    STORAGES["staticfiles"]["BACKEND"] = "django.contrib.staticfiles.storage.StaticFilesStorage"

# Requests
DATA_UPLOAD_MAX_MEMORY_SIZE = 64 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 600  # a page of the admin has up to 500 checkboxes
FILE_UPLOAD_HANDLERS = ["profilecenter.uploads.BoundedUploadHandler"]

# Security
_https = _public.scheme == "https"
SECURE_SSL_REDIRECT = _https
# Health probes come from inside, without TLS. A redirect would turn a one-click POST into a GET
# (RFC 8058), so RecipientMiddleware redirects the safe methods of these pages itself.
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$", r"^[\s/]*[upc]/"]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if _https else None
SECURE_HSTS_SECONDS = 63_072_000 if _https else 0
# More than the own host is the company's decision: it applies to every service below the host's
# name, and browsers' preload lists cannot be left within months.
HSTS = env.choice("HSTS", ("host", "subdomains", "preload"), default="host")
SECURE_HSTS_INCLUDE_SUBDOMAINS = _https and HSTS != "host"
SECURE_HSTS_PRELOAD = _https and HSTS == "preload"
# Django's advice to set these two.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_AGE = 12 * 3600  # a working day
SESSION_COOKIE_SECURE = _https
CSRF_COOKIE_SECURE = _https
CSRF_TRUSTED_ORIGINS = [f"{_admin.scheme}://{_admin.netloc}"]
X_FRAME_OPTIONS = "DENY"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

# Sign-in to the admin (django-allauth, docs/adr/0011)
SECOND_FACTOR = env.bool("SECOND_FACTOR", default=True)
OIDC_URL = env.str("OIDC_URL", default="")
OIDC_CLIENT_ID = env.str("OIDC_CLIENT_ID", default="")
OIDC_CLIENT_SECRET = env.str("OIDC_CLIENT_SECRET", default="")
OIDC_NAME = env.str("OIDC_NAME", default="your company's account")
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "admin:index"
ACCOUNT_ADAPTER = "unsub.accounts.adapters.AccountAdapter"
ACCOUNT_FORMS = {
    "reset_password": "unsub.accounts.forms.ForgottenForm",
    "user_token": "unsub.accounts.forms.TokenForm",
}
ACCOUNT_LOGIN_METHODS = {"username", "email"}
ACCOUNT_EMAIL_VERIFICATION = "none"  # an administrator entered the address
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False  # no email to unknown addresses
ACCOUNT_EMAIL_SUBJECT_PREFIX = "Profile Center: "
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_SESSION_REMEMBER = False  # sessions last SESSION_COOKIE_AGE at most
ACCOUNT_RATE_LIMITS = {
    "login": None,
    "login_failed": None,  # unsub/accounts/sign_in_limits.py
    "reset_password": "30/h/ip,5/h/key",
    "reset_password_from_key": None,
}
MFA_ADAPTER = "unsub.accounts.adapters.SecondFactorAdapter"
MFA_FORMS = {
    "authenticate": "unsub.accounts.forms.CodeForm",
    "reauthenticate": "unsub.accounts.forms.ConfirmCodeForm",
}
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
# allauth's check prevents strangers from signing up with another person's address and setting up a
# second factor for it. There is no sign-up here, and no page verifies an address, so the check
# would lock users out.
MFA_ALLOW_UNVERIFIED_EMAIL = True
MFA_TOTP_TOLERANCE = 1  # a phone whose clock is half a minute off
MFA_PASSKEY_LOGIN_ENABLED = True
# Without https, browsers allow passkeys only on localhost.
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not _https
SOCIALACCOUNT_ADAPTER = "unsub.accounts.adapters.CompanyAccountAdapter"
# An account with a user's address, verified by the provider, gives access and is then linked.
SOCIALACCOUNT_EMAIL_AUTHENTICATION = True
SOCIALACCOUNT_EMAIL_AUTHENTICATION_AUTO_CONNECT = True
# A link, not a form: `form-action 'self'` would block the provider's redirects.
SOCIALACCOUNT_LOGIN_ON_GET = True
SOCIALACCOUNT_PROVIDERS = {
    "openid_connect": {
        "OAUTH_PKCE_ENABLED": True,
        "APPS": [
            {
                "provider_id": "oidc",
                "name": OIDC_NAME,
                "client_id": OIDC_CLIENT_ID,
                "secret": OIDC_CLIENT_SECRET,
                "settings": {"server_url": OIDC_URL},
            }
        ]
        if OIDC_URL and OIDC_CLIENT_ID
        else [],
    }
}

# Receive alarms by email.
ADMINS = [("operator", address) for address in env.list("ADMINS", default=[])]
SERVER_EMAIL = DEFAULT_FROM_EMAIL = env.str("SERVER_EMAIL", default="profile-center@localhost")
EMAIL_TIMEOUT = 10  # seconds
EMAIL_SUBJECT_PREFIX = "Profile Center: "  # of emails to ADMINS
vars().update(env.email_server("EMAIL_URL", default="consolemail://"))

# Where scheduled exports of the audit are written. SFTP needs the key of the server, and takes a
# private key in place of the password.
EXPORT_URL = env.export_address("EXPORT_URL")
EXPORT_SFTP_HOST_KEY = env.str("EXPORT_SFTP_HOST_KEY", default="")
EXPORT_SFTP_KEY = env.text("EXPORT_SFTP_KEY")

# Set by gunicorn.conf.py: the folder in which all processes share their counters.
PROMETHEUS_MULTIPROC_DIR = env.str("PROMETHEUS_MULTIPROC_DIR", default="")

# Where a worker answers Prometheus, for all of its processes.
WORKER_METRICS_ADDRESS = env.listener("WORKER_METRICS_ADDRESS")

# The mailto address of List-Unsubscribe, and where manage.py receive_mail receives it and answers
# Prometheus.
MAILTO_ADDRESS = env.mailbox("MAILTO_ADDRESS")
MAILTO_LISTEN = env.listener("MAILTO_LISTEN") or ("127.0.0.1", 8024)
MAILTO_METRICS_ADDRESS = env.listener("MAILTO_METRICS_ADDRESS")

# Events to webhooks (docs/webhooks.md): seconds for a whole call, calls at a time in a worker, days
# for which events and deliveries are kept. Private addresses and http are for tests, and for
# receivers in the own network.
WEBHOOK_TIMEOUT = env.float("WEBHOOK_TIMEOUT", default=15.0)
WEBHOOK_CONCURRENCY = env.int("WEBHOOK_CONCURRENCY", default=4)
WEBHOOK_RETENTION_DAYS = env.int("WEBHOOK_RETENTION_DAYS", default=30)
WEBHOOK_ALLOW_PRIVATE = env.bool("WEBHOOK_ALLOW_PRIVATE", default=False)

ALERT_WEBHOOK_URL = env.str("ALERT_WEBHOOK_URL", default="")
ALERT_WEBHOOK_SECRET = env.str("ALERT_WEBHOOK_SECRET", default="")
# Requested after each completed look for alarms; the service behind it notices when that stops.
WATCH_PING_URL = env.str("WATCH_PING_URL", default="")
# The address of a runbook, with {name} in place of the alarm's cause.
RUNBOOK_URL = env.str("RUNBOOK_URL", default="")

LOG_FORMAT = env.choice("LOG_FORMAT", STYLES, default=default_style())
# Errors of the log go to Sentry, and spans to an OpenTelemetry collector, where these are set and
# the packages of requirements/telemetry.txt are installed. OpenTelemetry reads its other variables
# itself.
SENTRY_DSN = env.optional_address("SENTRY_DSN", module="sentry_sdk")
OTEL_EXPORTER_OTLP_ENDPOINT = env.optional_address(
    "OTEL_EXPORTER_OTLP_ENDPOINT", module="opentelemetry"
)
LOGGING = logging_config(
    LOG_FORMAT, env.choice("LOG_LEVEL", LEVELS, default="INFO"), sentry_dsn=SENTRY_DSN,
    release=PROFILECENTER_VERSION,
)  # fmt: skip
