"""The tables."""

import uuid

import django.core.validators
import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

import unsub.domain.call_method
import unsub.models.business_unit
import unsub.models.webhook


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="AuditSeal",
            fields=[
                ("number", models.BigIntegerField(primary_key=True, serialize=False)),
                (
                    "table",
                    models.CharField(
                        choices=[("requests", "requests"), ("attempts", "attempts")], max_length=10
                    ),
                ),
                ("rows", models.PositiveIntegerField()),
                ("first_id", models.BigIntegerField()),
                ("last_id", models.BigIntegerField()),
                ("ids", models.BinaryField()),
                ("final", models.BinaryField()),
                ("personal", models.BinaryField()),
                ("key", models.CharField(max_length=16)),
                ("previous", models.CharField(blank=True, max_length=64)),
                ("digest", models.CharField(max_length=64)),
                ("sealed_at", models.DateTimeField()),
            ],
            options={
                "ordering": ("number",),
            },
        ),
        migrations.CreateModel(
            name="BackupSchedule",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("every_seconds", models.PositiveIntegerField()),
                (
                    "began_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("completed_at", models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name="BusinessUnit",
            fields=[
                (
                    "mid",
                    models.BigIntegerField(
                        help_text="Member ID of the business unit. In Marketing Cloud, go to Setup > Business Units.",
                        primary_key=True,
                        serialize=False,
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(2147483647),
                        ],
                        verbose_name="MID",
                    ),
                ),
                (
                    "name",
                    models.CharField(
                        help_text="Brand name as recipients know it.",
                        max_length=100,
                        verbose_name="name",
                    ),
                ),
                (
                    "language",
                    models.CharField(
                        default="en",
                        help_text="For recipients whose browser asks for none of the languages of the pages.",
                        max_length=10,
                        verbose_name="default language",
                    ),
                ),
                (
                    "time_zone",
                    models.CharField(
                        db_default="UTC",
                        default="UTC",
                        help_text="Of the times and dates on your pages, and of the days of the overview, like Europe/Berlin. After a change, all days are counted again in the background, the newest first.",
                        max_length=40,
                        validators=[unsub.models.business_unit.validate_time_zone],
                        verbose_name="time zone",
                    ),
                ),
                (
                    "contact_email",
                    models.EmailField(
                        blank=True,
                        help_text="Shown to recipients who need help.",
                        max_length=254,
                        verbose_name="contact email",
                    ),
                ),
                (
                    "legal_url",
                    models.CharField(
                        blank=True,
                        db_default="",
                        help_text="Link at the foot of every page: Legal notice, in the language of the page. In some countries the law requires it.",
                        max_length=300,
                        validators=[unsub.models.business_unit.validate_https],
                        verbose_name="legal notice",
                    ),
                ),
                (
                    "privacy_url",
                    models.CharField(
                        blank=True,
                        db_default="",
                        help_text="Link at the foot of every page: Privacy, in the language of the page.",
                        max_length=300,
                        validators=[unsub.models.business_unit.validate_https],
                        verbose_name="privacy policy",
                    ),
                ),
                (
                    "accent",
                    models.CharField(
                        blank=True,
                        help_text="Hex code, like #1d4f91. White text must be readable on it.",
                        max_length=7,
                        validators=[unsub.models.business_unit.validate_colour],
                        verbose_name="button color",
                    ),
                ),
                (
                    "domain",
                    models.CharField(
                        blank=True,
                        help_text="Host name that points to this server, like mail.example.com. Used for new links, and to show this brand when a link doesn’t work.",
                        max_length=253,
                        validators=[unsub.models.business_unit.validate_domain],
                        verbose_name="custom domain",
                    ),
                ),
                (
                    "reasons_asked",
                    models.CharField(
                        choices=[
                            ("below", "below the button"),
                            ("after", "after unsubscribing only"),
                        ],
                        db_default="below",
                        default="below",
                        help_text="Below the button of the unsubscribe page, or on the page after it. If no reason was given below the button, the page after it asks once more.",
                        max_length=10,
                        verbose_name="reasons are asked",
                    ),
                ),
                (
                    "lost_link_form",
                    models.BooleanField(
                        default=False,
                        help_text="If a link doesn’t work, ask for the email address. You find these under Manual requests. Nobody is unsubscribed automatically.",
                        verbose_name="unsubscribe form for broken links",
                    ),
                ),
                (
                    "profile_centre",
                    models.BooleanField(
                        db_default=False,
                        default=False,
                        help_text="Page where recipients choose their mailing lists and edit their details (/p/…). The installed package needs List and Subscribers: Read, Write.",
                        verbose_name="preference center",
                    ),
                ),
                (
                    "profile_days",
                    models.PositiveSmallIntegerField(
                        db_default=90,
                        default=90,
                        help_text="Older links still unsubscribe, but don’t open the preference center.",
                        validators=[django.core.validators.MinValueValidator(1)],
                        verbose_name="link validity (days)",
                    ),
                ),
                (
                    "profile_details",
                    models.BooleanField(
                        db_default=True,
                        default=True,
                        help_text="Shows viewable profile attributes. Recipients can edit the editable ones, and the email format.",
                        verbose_name="show details",
                    ),
                ),
                (
                    "unicode_attributes",
                    models.BooleanField(
                        db_default=False,
                        default=False,
                        help_text="Marketing Cloud documents only characters 32–254 for attributes. Turn this on if your account stores others, like Ł or 東.",
                        verbose_name="allow all characters",
                    ),
                ),
                (
                    "confirm_key",
                    models.CharField(
                        blank=True,
                        db_default="",
                        help_text="Customer key of a triggered send. If set, recipients must confirm by email before they’re subscribed (double opt-in).",
                        max_length=36,
                        verbose_name="subscription confirmation email",
                    ),
                ),
                (
                    "confirm_address_key",
                    models.CharField(
                        blank=True,
                        db_default="",
                        help_text="Customer key of a triggered send. Sent to the new address. If empty, recipients can’t change their address.",
                        max_length=36,
                        verbose_name="address confirmation email",
                    ),
                ),
                (
                    "address_notice_key",
                    models.CharField(
                        blank=True,
                        db_default="",
                        help_text="Customer key of a triggered send. Sent to the address on file when it’s changed in the preference center: announces the change or asks for consent, as chosen below. If empty, recipients can change their address only if the former address isn’t told.",
                        max_length=36,
                        verbose_name="email to the former address",
                    ),
                ),
                (
                    "new_link_key",
                    models.CharField(
                        blank=True,
                        db_default="",
                        help_text="Customer key of a triggered send. Offered when a link is too old for the preference center, and to recipients who want to see or edit their details.",
                        max_length=36,
                        verbose_name="new link email",
                    ),
                ),
                (
                    "ask_back_key",
                    models.CharField(
                        blank=True,
                        db_default="",
                        help_text="Customer key of a triggered send. Required if recipients are asked whether to restart.",
                        max_length=36,
                        verbose_name="pause ended email",
                    ),
                ),
                (
                    "pause_offered",
                    models.BooleanField(
                        db_default=False,
                        default=False,
                        help_text="Recipients can pause one mailing list, or all marketing emails, for 30, 60 or 90 days.",
                        verbose_name="offer pause",
                    ),
                ),
                (
                    "pause_end_action",
                    models.CharField(
                        choices=[
                            ("ask", "ask by email whether to restart"),
                            ("put_back", "resubscribe automatically"),
                        ],
                        db_default="ask",
                        default="ask",
                        help_text="Asking needs the pause ended email. Whoever doesn’t answer stays unsubscribed.",
                        max_length=10,
                        verbose_name="when a pause ends",
                    ),
                ),
                (
                    "protects_details",
                    models.BooleanField(
                        db_default=True,
                        default=True,
                        help_text="Emails get forwarded, and their links with them. If on, the preference center shows, changes and exports details only for one hour after the recipient opened a link sent to the address on file. Unsubscribing and mailing lists need no such link. Requires the new link email; without it, details stay hidden.",
                        verbose_name="details only after an email",
                    ),
                ),
                (
                    "address_guard",
                    models.CharField(
                        choices=[
                            ("told", "told, and can undo the change"),
                            ("asked", "asked first"),
                            ("none", "not told"),
                        ],
                        db_default="told",
                        default="told",
                        help_text="The new address always has to be confirmed. Told: the former address gets an email with a link that restores it. Asked first: nothing changes until the former address agrees; recipients who lost it can’t change it here.",
                        max_length=5,
                        verbose_name="when the address changes, the former one is",
                    ),
                ),
                (
                    "address_undo_days",
                    models.PositiveSmallIntegerField(
                        db_default=14,
                        default=14,
                        help_text="After an undo, the address can’t be changed for the same time without a link sent to the address on file.",
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(90),
                        ],
                        verbose_name="a change of address can be undone for (days)",
                    ),
                ),
                (
                    "address_hold_hours",
                    models.PositiveSmallIntegerField(
                        db_default=72,
                        default=72,
                        help_text="New link emails wait this long after a change of address, so that the owner of the former address can undo it first. 0: no wait.",
                        validators=[django.core.validators.MaxValueValidator(168)],
                        verbose_name="no new links to a changed address for (hours)",
                    ),
                ),
                (
                    "weekly_digest",
                    models.BooleanField(
                        default=False,
                        help_text="Email to this business unit’s team every Monday: unsubscribes, reasons and comments.",
                        verbose_name="weekly summary",
                    ),
                ),
                (
                    "subscriber_key_permission",
                    models.BooleanField(
                        default=True,
                        help_text="If your account has this permission, an email address alone doesn’t identify a subscriber (error 404).",
                        verbose_name="SubscriberKey permission",
                    ),
                ),
                (
                    "all_subscribers_list_id",
                    models.BigIntegerField(
                        blank=True,
                        help_text="If set, unsubscribes from all marketing emails are tracked against the send. If empty, they work but aren’t tracked. The page knows this list even without it, once it was read from Marketing Cloud.",
                        null=True,
                        validators=[django.core.validators.MinValueValidator(1)],
                        verbose_name="All Subscribers ListID",
                    ),
                ),
                (
                    "found_all_subscribers_list_id",
                    models.BigIntegerField(
                        blank=True,
                        editable=False,
                        null=True,
                        verbose_name="All Subscribers list ID, as read",
                    ),
                ),
                (
                    "all_subscribers_checked_at",
                    models.DateTimeField(
                        blank=True,
                        editable=False,
                        null=True,
                        verbose_name="All Subscribers list read at",
                    ),
                ),
                (
                    "unsubscribe_reach",
                    models.CharField(
                        choices=[
                            ("enterprise", "all business units of the enterprise"),
                            ("unit", "this business unit only"),
                        ],
                        db_default="enterprise",
                        default="enterprise",
                        help_text="Set it as in the Unsubscribe Settings of the business unit in Marketing Cloud. The page tells recipients whether your other brands can still email them.",
                        max_length=10,
                        verbose_name="unsubscribing from all marketing emails covers",
                    ),
                ),
                (
                    "token_by",
                    models.CharField(
                        choices=[
                            ("parent", "the deployment’s token; each call names the business unit"),
                            ("own", "the business unit’s own token"),
                        ],
                        db_default="parent",
                        default="parent",
                        help_text="If Marketing Cloud rejects calls for this business unit, use a token for its own MID. The installed package must be available to the business unit.",
                        max_length=10,
                        verbose_name="token",
                    ),
                ),
                (
                    "import_events",
                    models.BooleanField(
                        db_default=False,
                        default=False,
                        help_text="Every 15 minutes, imports unsubscribes that happened in Marketing Cloud itself. The installed package needs Tracking Events: Read, and List and Subscribers: Read.",
                        verbose_name="import unsubscribes from Marketing Cloud",
                    ),
                ),
                (
                    "retention_days",
                    models.PositiveSmallIntegerField(
                        blank=True,
                        db_default=365,
                        default=365,
                        help_text="Counted from the end of a request. After that, SubscriberID, SubscriberKey, email address and new values are removed. The record of the request stays, and an exact search for the address or key still finds it. If empty, nothing is removed.",
                        null=True,
                        validators=[django.core.validators.MinValueValidator(1)],
                        verbose_name="keep subscriber data for (days)",
                    ),
                ),
                (
                    "keeps_consent",
                    models.BooleanField(
                        db_default=True,
                        default=True,
                        help_text="You have to be able to prove consent for as long as you send emails because of it. The days above count from the end of the unsubscribe that withdraws it. If off, consent receipts end like other requests.",
                        verbose_name="keep consent until it is withdrawn",
                    ),
                ),
                (
                    "members",
                    models.ManyToManyField(
                        blank=True,
                        help_text="Who can see this business unit. Operators and administrators see all of them.",
                        related_name="units",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="team members",
                    ),
                ),
            ],
            options={
                "verbose_name": "business unit",
                "verbose_name_plural": "business units",
                "ordering": ("mid",),
                "permissions": (("all_units", "Can see all business units"),),
            },
        ),
        migrations.CreateModel(
            name="CountCursor",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("upto", models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name="CountedZone",
            fields=[
                ("mid", models.BigIntegerField(primary_key=True, serialize=False)),
                ("time_zone", models.CharField(max_length=40)),
                ("left_before", models.DateField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name="SealCursor",
            fields=[
                ("source", models.CharField(max_length=20, primary_key=True, serialize=False)),
                ("upto_at", models.DateTimeField(null=True)),
                ("upto_id", models.BigIntegerField(default=0)),
                ("seen_at", models.DateTimeField(null=True)),
                ("seen_id", models.BigIntegerField(default=0)),
            ],
        ),
        migrations.CreateModel(
            name="StaffSettings",
            fields=[
                (
                    "user",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="staff_settings",
                        serialize=False,
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "time_zone",
                    models.CharField(
                        blank=True,
                        max_length=40,
                        validators=[unsub.models.business_unit.validate_time_zone],
                        verbose_name="time zone",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="WebhookDelivery",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("pending", "pending"),
                            ("sending", "sending"),
                            ("delivered", "delivered"),
                            ("failed", "failed"),
                        ],
                        default="pending",
                        max_length=10,
                        verbose_name="status",
                    ),
                ),
                ("attempts", models.PositiveIntegerField(default=0, verbose_name="attempts")),
                ("tries", models.PositiveSmallIntegerField(default=0, editable=False)),
                (
                    "next_attempt_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        verbose_name="next attempt",
                    ),
                ),
                ("lease", models.UUIDField(editable=False, null=True)),
                ("lease_until", models.DateTimeField(editable=False, null=True)),
                ("finished_at", models.DateTimeField(null=True, verbose_name="finished")),
                (
                    "result",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("delivered", "delivered"),
                            ("http_error", "the receiver refused it"),
                            ("redirect", "the receiver redirected; redirects aren’t followed"),
                            ("timeout", "no complete response in time"),
                            ("no_connection", "no connection"),
                            ("no_tls", "no secure connection: check the certificate"),
                            ("broken", "the connection broke"),
                            ("forbidden", "the address isn’t allowed: it’s private, or not https"),
                            ("no_secret", "the secret can’t be read: replace it"),
                            ("unknown", "unknown: the worker stopped"),
                        ],
                        max_length=15,
                        verbose_name="result",
                    ),
                ),
                (
                    "status_code",
                    models.PositiveSmallIntegerField(null=True, verbose_name="HTTP status"),
                ),
            ],
            options={
                "verbose_name": "webhook delivery",
                "verbose_name_plural": "webhook deliveries",
                "ordering": ("-pk",),
            },
        ),
        migrations.CreateModel(
            name="WriteProbe",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("filler", models.TextField()),
            ],
        ),
        migrations.CreateModel(
            name="Alarm",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "cause",
                    models.CharField(
                        choices=[
                            ("late", "overdue requests"),
                            ("refused", "refused requests"),
                            ("given_up", "requests that expired after 10 days"),
                            ("held", "queue on hold"),
                            ("circuit_open", "Marketing Cloud isn’t responding"),
                            ("restored", "changes on hold after a restore"),
                            ("unknown_unit", "requests for an unknown business unit"),
                            ("bad_claim", "links with an invalid claim"),
                            ("test_links", "many test links opened"),
                            ("spooled", "requests waiting in the spool"),
                            ("dead_letter", "spooled requests that can’t be stored"),
                            ("late_call", "calls made after their lease"),
                            ("internal_error", "requests that can’t be processed"),
                            ("not_sealed", "audit not sealed"),
                            ("export_late", "scheduled export not written"),
                            ("backup", "no recent backup"),
                            ("webhook_failing", "events not delivered to a webhook"),
                            ("webhook_disabled", "webhook disabled after failures"),
                            ("unsubscribe_spike", "far more unsubscribes than usual"),
                            ("send_spike", "far more unsubscribes from a send than usual"),
                            ("database", "database doesn’t accept writes"),
                            ("broker", "broker doesn’t accept writes"),
                            ("beat", "beat isn’t running"),
                            ("worker", "workers aren’t responding"),
                            ("sweep", "sweeps don’t complete"),
                            ("watch", "checks for alerts don’t complete"),
                        ],
                        max_length=20,
                        verbose_name="cause",
                    ),
                ),
                ("mid", models.BigIntegerField(verbose_name="MID")),
                ("job_id", models.BigIntegerField(db_default=0, default=0, verbose_name="JobID")),
                ("first_day", models.DateField(blank=True, null=True, verbose_name="counted from")),
                ("number", models.PositiveIntegerField(default=0, verbose_name="requests")),
                ("detail", models.CharField(blank=True, max_length=100, verbose_name="details")),
                (
                    "raised_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), verbose_name="started"
                    ),
                ),
                (
                    "notified_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="notified"),
                ),
                (
                    "cleared_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="resolved"),
                ),
            ],
            options={
                "verbose_name": "alert",
                "verbose_name_plural": "alerts",
                "ordering": ("-pk",),
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("cleared_at", None)),
                        fields=("cause", "mid", "job_id"),
                        name="alarm_open_once",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="ApiKey",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "name",
                    models.CharField(
                        help_text="The system that uses it, like Call center. Marketers read it at requests.",
                        max_length=60,
                        verbose_name="name",
                    ),
                ),
                (
                    "may_submit",
                    models.BooleanField(
                        default=False,
                        help_text="Unsubscribe, and change preferences.",
                        verbose_name="submit requests",
                    ),
                ),
                (
                    "may_read",
                    models.BooleanField(
                        default=False,
                        help_text="Requests and their attempts, receipts, counts, and the state of queues.",
                        verbose_name="read",
                    ),
                ),
                (
                    "may_sign",
                    models.BooleanField(
                        default=False,
                        help_text="A signed link acts for its subscriber, whoever has it.",
                        verbose_name="sign links",
                    ),
                ),
                (
                    "may_name",
                    models.BooleanField(
                        default=False,
                        help_text="Answers have address and SubscriberKey in clear. Else they are masked.",
                        verbose_name="name subscribers",
                    ),
                ),
                (
                    "per_minute",
                    models.PositiveIntegerField(
                        default=600,
                        help_text="More are refused until the minute is over.",
                        validators=[django.core.validators.MinValueValidator(1)],
                        verbose_name="calls per minute",
                    ),
                ),
                (
                    "prefix",
                    models.CharField(editable=False, max_length=16, verbose_name="begins with"),
                ),
                ("key_digest", models.CharField(editable=False, max_length=64)),
                (
                    "made_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        editable=False,
                        verbose_name="made",
                    ),
                ),
                ("expires_at", models.DateTimeField(verbose_name="valid until")),
                (
                    "used_at",
                    models.DateTimeField(
                        blank=True, editable=False, null=True, verbose_name="last used"
                    ),
                ),
                (
                    "revoked_at",
                    models.DateTimeField(
                        blank=True, editable=False, null=True, verbose_name="revoked"
                    ),
                ),
                (
                    "made_by",
                    models.ForeignKey(
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="made by",
                    ),
                ),
                (
                    "unit",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="api_keys",
                        to="unsub.businessunit",
                        verbose_name="business unit",
                    ),
                ),
            ],
            options={
                "verbose_name": "API key",
                "verbose_name_plural": "API keys",
                "ordering": ("-pk",),
            },
        ),
        migrations.CreateModel(
            name="CatalogueState",
            fields=[
                (
                    "unit",
                    models.OneToOneField(
                        db_column="mid",
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="catalogue_state",
                        serialize=False,
                        to="unsub.businessunit",
                        verbose_name="business unit",
                    ),
                ),
                ("read_at", models.DateTimeField(blank=True, null=True, verbose_name="lists read")),
                (
                    "error",
                    models.CharField(
                        blank=True, db_default="", max_length=100, verbose_name="error"
                    ),
                ),
            ],
            options={
                "verbose_name": "state of a unit's lists",
                "verbose_name_plural": "states of units' lists",
            },
        ),
        migrations.CreateModel(
            name="ImportState",
            fields=[
                (
                    "unit",
                    models.OneToOneField(
                        db_column="mid",
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="import_state",
                        serialize=False,
                        to="unsub.businessunit",
                        verbose_name="business unit",
                    ),
                ),
                (
                    "imported_upto",
                    models.DateTimeField(blank=True, null=True, verbose_name="imported up to"),
                ),
                (
                    "error",
                    models.CharField(
                        blank=True, db_default="", max_length=100, verbose_name="import error"
                    ),
                ),
            ],
            options={
                "verbose_name": "state of an import",
                "verbose_name_plural": "states of imports",
            },
        ),
        migrations.CreateModel(
            name="ConsentText",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "language",
                    models.CharField(
                        choices=settings.LANGUAGES, max_length=10, verbose_name="language"
                    ),
                ),
                ("text", models.CharField(max_length=500, verbose_name="text")),
                ("text_digest", models.CharField(editable=False, max_length=64)),
                (
                    "first_used_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        verbose_name="first used",
                    ),
                ),
                (
                    "unit",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="consent_texts",
                        to="unsub.businessunit",
                        verbose_name="business unit",
                    ),
                ),
            ],
            options={
                "verbose_name": "consent text",
                "verbose_name_plural": "consent texts",
                "ordering": ("unit", "pk"),
            },
        ),
        migrations.CreateModel(
            name="DailyCount",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("day", models.DateField(verbose_name="day")),
                ("mid", models.BigIntegerField(verbose_name="MID")),
                (
                    "by",
                    models.CharField(
                        choices=[
                            ("state", "status"),
                            ("channel", "channel"),
                            ("job", "send"),
                            ("list", "mailing list"),
                            ("reason", "reason"),
                            ("kind", "type"),
                            ("job_reason", "send and reason"),
                        ],
                        max_length=10,
                        verbose_name="grouped by",
                    ),
                ),
                ("key", models.CharField(blank=True, max_length=40, verbose_name="value")),
                ("number", models.PositiveIntegerField(verbose_name="requests")),
            ],
            options={
                "verbose_name": "daily count",
                "verbose_name_plural": "daily counts",
                "indexes": [
                    models.Index(
                        condition=models.Q(("by__in", ("job", "job_reason"))),
                        fields=["key", "day"],
                        name="daily_count_of_job",
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("by", "day", "mid", "key"), name="daily_count_once"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="ErasedIdentifier",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("digest", models.CharField(max_length=49)),
                (
                    "erased_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                (
                    "unit",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="unsub.businessunit",
                    ),
                ),
            ],
            options={
                "verbose_name": "deleted identifier",
                "verbose_name_plural": "deleted identifiers",
            },
        ),
        migrations.CreateModel(
            name="Erasure",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("subscriber_digest", models.CharField(editable=False, max_length=49)),
                (
                    "subscriber_id",
                    models.BigIntegerField(blank=True, null=True, verbose_name="SubscriberID"),
                ),
                (
                    "subscriber_key",
                    models.CharField(blank=True, max_length=254, verbose_name="SubscriberKey"),
                ),
                (
                    "email_address",
                    models.CharField(blank=True, max_length=254, verbose_name="EmailAddress"),
                ),
                ("language", models.CharField(blank=True, max_length=35, verbose_name="language")),
                (
                    "received_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        verbose_name="received",
                    ),
                ),
                (
                    "granted_at",
                    models.DateTimeField(
                        blank=True, editable=False, null=True, verbose_name="approved"
                    ),
                ),
                (
                    "declined_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="declined"),
                ),
                ("note", models.CharField(blank=True, max_length=200, verbose_name="note")),
                (
                    "handled_by",
                    models.ForeignKey(
                        blank=True,
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="handled by",
                    ),
                ),
                (
                    "unit",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="erasures",
                        to="unsub.businessunit",
                        verbose_name="business unit",
                    ),
                ),
            ],
            options={
                "verbose_name": "deletion request",
                "verbose_name_plural": "deletion requests",
                "ordering": ("-pk",),
            },
        ),
        migrations.CreateModel(
            name="ExportPlan",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("active", models.BooleanField(default=True, verbose_name="active")),
                (
                    "format",
                    models.CharField(
                        choices=[("csv", "CSV"), ("jsonl", "JSON lines")],
                        default="csv",
                        max_length=5,
                        verbose_name="format",
                    ),
                ),
                (
                    "frequency",
                    models.CharField(
                        choices=[("hourly", "every hour"), ("daily", "every day")],
                        default="daily",
                        max_length=6,
                        verbose_name="frequency",
                    ),
                ),
                (
                    "hour",
                    models.PositiveSmallIntegerField(
                        default=2,
                        help_text="Of daily exports, 0 to 23, in this time zone.",
                        validators=[django.core.validators.MaxValueValidator(23)],
                        verbose_name="hour",
                    ),
                ),
                (
                    "time_zone",
                    models.CharField(
                        default="UTC",
                        max_length=50,
                        validators=[unsub.models.business_unit.validate_time_zone],
                        verbose_name="time zone",
                    ),
                ),
                (
                    "named",
                    models.BooleanField(
                        default=False,
                        help_text="Adds SubscriberID, SubscriberKey and address, as the link carried them.",
                        verbose_name="with subscribers",
                    ),
                ),
                ("next_at", models.DateTimeField(editable=False, verbose_name="next")),
                (
                    "upto_at",
                    models.DateTimeField(editable=False, null=True, verbose_name="exported up to"),
                ),
                ("upto_id", models.BigIntegerField(default=0, editable=False)),
                ("seen_at", models.DateTimeField(editable=False, null=True)),
                ("seen_id", models.BigIntegerField(default=0, editable=False)),
                ("safe_id", models.BigIntegerField(default=0, editable=False)),
                (
                    "created_by",
                    models.ForeignKey(
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="created by",
                    ),
                ),
                (
                    "unit",
                    models.ForeignKey(
                        blank=True,
                        db_column="mid",
                        help_text="Empty: all business units.",
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        to="unsub.businessunit",
                        verbose_name="business unit",
                    ),
                ),
            ],
            options={
                "verbose_name": "scheduled export",
                "verbose_name_plural": "scheduled exports",
                "ordering": ("pk",),
            },
        ),
        migrations.CreateModel(
            name="ExportRun",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), verbose_name="due"
                    ),
                ),
                ("since", models.DateTimeField(null=True, verbose_name="ended after")),
                ("until", models.DateTimeField(verbose_name="ended until")),
                ("events_after", models.BigIntegerField()),
                ("events_upto", models.BigIntegerField()),
                ("attempts", models.PositiveIntegerField(default=0, verbose_name="attempts")),
                (
                    "next_attempt_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        verbose_name="next attempt",
                    ),
                ),
                ("lease", models.UUIDField(null=True)),
                ("lease_until", models.DateTimeField(null=True)),
                (
                    "error",
                    models.CharField(blank=True, default="", max_length=100, verbose_name="error"),
                ),
                ("finished_at", models.DateTimeField(null=True, verbose_name="written")),
                (
                    "name",
                    models.CharField(blank=True, default="", max_length=100, verbose_name="file"),
                ),
                ("rows", models.PositiveBigIntegerField(default=0, verbose_name="rows")),
                ("size", models.PositiveBigIntegerField(default=0, verbose_name="bytes")),
                (
                    "sha256",
                    models.CharField(blank=True, default="", max_length=64, verbose_name="SHA-256"),
                ),
                (
                    "plan",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="runs",
                        to="unsub.exportplan",
                        verbose_name="scheduled export",
                    ),
                ),
            ],
            options={
                "verbose_name": "export",
                "verbose_name_plural": "exports",
                "ordering": ("-pk",),
            },
        ),
        migrations.CreateModel(
            name="Invitation",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("number", models.PositiveIntegerField(default=1)),
                ("subject_digest", models.CharField(max_length=64)),
                (
                    "invited_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), verbose_name="invited"
                    ),
                ),
                ("expires_at", models.DateTimeField(verbose_name="link valid until")),
                ("sent_at", models.DateTimeField(null=True, verbose_name="email sent")),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                ("next_attempt_at", models.DateTimeField(null=True)),
                ("accepted_at", models.DateTimeField(null=True, verbose_name="accepted")),
                ("revoked_at", models.DateTimeField(null=True, verbose_name="revoked")),
                (
                    "invited_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="invited by",
                    ),
                ),
                (
                    "user",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="invitation",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="user",
                    ),
                ),
            ],
            options={
                "verbose_name": "invitation",
                "verbose_name_plural": "invitations",
                "ordering": ("-pk",),
            },
        ),
        migrations.CreateModel(
            name="LostLink",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("email_address", models.EmailField(max_length=254, verbose_name="email address")),
                ("address_digest", models.CharField(editable=False, max_length=49)),
                ("language", models.CharField(blank=True, max_length=35, verbose_name="language")),
                (
                    "received_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        verbose_name="received",
                    ),
                ),
                (
                    "handled_at",
                    models.DateTimeField(
                        blank=True, editable=False, null=True, verbose_name="resolved"
                    ),
                ),
                ("note", models.CharField(blank=True, max_length=200, verbose_name="note")),
                (
                    "handled_by",
                    models.ForeignKey(
                        blank=True,
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="handled by",
                    ),
                ),
                (
                    "unit",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="lost_links",
                        to="unsub.businessunit",
                        verbose_name="business unit",
                    ),
                ),
            ],
            options={
                "verbose_name": "manual request",
                "verbose_name_plural": "manual requests",
                "ordering": ("-pk",),
            },
        ),
        migrations.CreateModel(
            name="MailingList",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "list_id",
                    models.BigIntegerField(
                        validators=[django.core.validators.MinValueValidator(1)],
                        verbose_name="ListID",
                    ),
                ),
                (
                    "name",
                    models.CharField(
                        help_text="As recipients know it, like Weekly offers. Also per language.",
                        max_length=100,
                        verbose_name="name",
                    ),
                ),
                (
                    "description",
                    models.CharField(
                        blank=True,
                        db_default="",
                        help_text="One sentence: what it is about and how often, like Every Friday.",
                        max_length=200,
                        verbose_name="description",
                    ),
                ),
                (
                    "offered",
                    models.BooleanField(
                        db_default=True,
                        default=True,
                        help_text="Recipients can subscribe in the preference center. If off, only those who are subscribed see it, and can unsubscribe.",
                        verbose_name="offered",
                    ),
                ),
                (
                    "position",
                    models.PositiveSmallIntegerField(
                        db_default=1000, default=1000, verbose_name="order"
                    ),
                ),
                (
                    "found_name",
                    models.CharField(blank=True, db_default="", editable=False, max_length=100),
                ),
                (
                    "found_description",
                    models.CharField(blank=True, db_default="", editable=False, max_length=200),
                ),
                ("is_public", models.BooleanField(db_default=False, default=False, editable=False)),
                ("missing_since", models.DateTimeField(blank=True, editable=False, null=True)),
                (
                    "unit",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="mailing_lists",
                        to="unsub.businessunit",
                        verbose_name="business unit",
                    ),
                ),
            ],
            options={
                "verbose_name": "mailing list",
                "verbose_name_plural": "mailing lists",
                "ordering": ("unit", "position", "name"),
            },
        ),
        migrations.CreateModel(
            name="MailingListText",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "language",
                    models.CharField(
                        choices=settings.LANGUAGES, max_length=10, verbose_name="language"
                    ),
                ),
                ("name", models.CharField(blank=True, max_length=100, verbose_name="name")),
                (
                    "description",
                    models.CharField(blank=True, max_length=200, verbose_name="description"),
                ),
                (
                    "mailing_list",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="texts",
                        to="unsub.mailinglist",
                        verbose_name="mailing list",
                    ),
                ),
            ],
            options={
                "verbose_name": "translation of a mailing list",
                "verbose_name_plural": "translations of mailing lists",
                "ordering": ("language",),
            },
        ),
        migrations.CreateModel(
            name="MessageTypeState",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "message_type",
                    models.CharField(
                        choices=[
                            ("execute", "execute"),
                            ("update", "update"),
                            ("update_row", "update_row"),
                            ("triggered_send", "triggered_send"),
                        ],
                        max_length=20,
                        verbose_name="message",
                    ),
                ),
                (
                    "held_since",
                    models.DateTimeField(blank=True, null=True, verbose_name="on hold since"),
                ),
                (
                    "held_reason",
                    models.CharField(
                        blank=True, db_default="", max_length=100, verbose_name="reason for hold"
                    ),
                ),
                (
                    "paused_until",
                    models.DateTimeField(
                        blank=True, null=True, verbose_name="sending paused until"
                    ),
                ),
                ("unknowns_in_a_row", models.PositiveIntegerField(db_default=0, default=0)),
                ("refusal", models.CharField(blank=True, db_default="", max_length=250)),
                ("refused_rows", models.JSONField(blank=True, default=list)),
                (
                    "unit",
                    models.ForeignKey(
                        db_column="mid",
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="message_type_states",
                        to="unsub.businessunit",
                        verbose_name="business unit",
                    ),
                ),
            ],
            options={
                "verbose_name": "state of a message type",
                "verbose_name_plural": "states of message types",
            },
        ),
        migrations.CreateModel(
            name="PageText",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "language",
                    models.CharField(
                        choices=settings.LANGUAGES, max_length=10, verbose_name="language"
                    ),
                ),
                (
                    "place",
                    models.CharField(
                        choices=[
                            ("intro", "Above the button"),
                            ("question", "Reason question"),
                            ("done", "After unsubscribing"),
                            ("consent", "Consent text"),
                            ("footer", "Footer"),
                        ],
                        max_length=10,
                        verbose_name="position on page",
                    ),
                ),
                ("text", models.CharField(max_length=400, verbose_name="text")),
                (
                    "changed_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        editable=False,
                        verbose_name="changed",
                    ),
                ),
                (
                    "standard_digest",
                    models.CharField(blank=True, db_default="", editable=False, max_length=16),
                ),
                (
                    "unit",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="texts",
                        to="unsub.businessunit",
                        verbose_name="business unit",
                    ),
                ),
            ],
            options={
                "verbose_name": "text",
                "verbose_name_plural": "page texts",
                "ordering": ("unit", "language", "place"),
            },
        ),
        migrations.CreateModel(
            name="Reason",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("code", models.SlugField(max_length=40, verbose_name="code")),
                ("label", models.CharField(max_length=80, verbose_name="label")),
                ("asks_text", models.BooleanField(default=False, verbose_name="ask for a comment")),
                (
                    "is_abuse",
                    models.BooleanField(
                        db_default=False,
                        default=False,
                        help_text="For recipients who never signed up. The overview counts these requests.",
                        verbose_name="counts as abuse",
                    ),
                ),
                ("position", models.PositiveSmallIntegerField(default=0, verbose_name="order")),
                ("active", models.BooleanField(default=True, verbose_name="shown")),
                (
                    "unit",
                    models.ForeignKey(
                        blank=True,
                        help_text="Leave empty to offer this in all business units that have no reasons of their own.",
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="reasons",
                        to="unsub.businessunit",
                        verbose_name="business unit",
                    ),
                ),
            ],
            options={
                "verbose_name": "reason",
                "verbose_name_plural": "reasons",
                "ordering": ("position", "pk"),
            },
        ),
        migrations.CreateModel(
            name="ReasonLabel",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "language",
                    models.CharField(
                        choices=settings.LANGUAGES, max_length=10, verbose_name="language"
                    ),
                ),
                ("label", models.CharField(max_length=80, verbose_name="label")),
                (
                    "reason",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="labels",
                        to="unsub.reason",
                        verbose_name="reason",
                    ),
                ),
            ],
            options={
                "verbose_name": "translation",
                "verbose_name_plural": "translations",
                "ordering": ("language",),
            },
        ),
        migrations.CreateModel(
            name="RestoreHold",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "began_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        verbose_name="restored",
                    ),
                ),
                (
                    "released_at",
                    models.DateTimeField(
                        blank=True, editable=False, null=True, verbose_name="released"
                    ),
                ),
                (
                    "released_by",
                    models.ForeignKey(
                        blank=True,
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="handled by",
                    ),
                ),
            ],
            options={
                "verbose_name": "hold after a restore",
                "verbose_name_plural": "holds after a restore",
                "ordering": ("-pk",),
            },
        ),
        migrations.CreateModel(
            name="SavedView",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "page",
                    models.CharField(
                        choices=[("requests", "Requests"), ("sends", "Sends")],
                        max_length=10,
                        verbose_name="list",
                    ),
                ),
                ("name", models.CharField(max_length=60, verbose_name="name")),
                ("parameters", models.JSONField(default=dict)),
                (
                    "owner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="saved_views",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="owner",
                    ),
                ),
                (
                    "unit",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="unsub.businessunit",
                        verbose_name="shared with",
                    ),
                ),
            ],
            options={
                "verbose_name": "saved view",
                "verbose_name_plural": "saved views",
                "ordering": ("name", "pk"),
            },
        ),
        migrations.CreateModel(
            name="DefaultView",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "page",
                    models.CharField(
                        choices=[("requests", "Requests"), ("sends", "Sends")], max_length=10
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="default_views",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "view",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="default_of",
                        to="unsub.savedview",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Send",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("job_id", models.BigIntegerField(verbose_name="JobID")),
                ("email_name", models.CharField(blank=True, max_length=200, verbose_name="email")),
                ("subject", models.CharField(blank=True, max_length=200, verbose_name="subject")),
                ("sent_at", models.DateTimeField(blank=True, null=True, verbose_name="sent")),
                (
                    "number_sent",
                    models.PositiveBigIntegerField(blank=True, null=True, verbose_name="sent to"),
                ),
                (
                    "number_delivered",
                    models.PositiveBigIntegerField(
                        blank=True, null=True, verbose_name="delivered to"
                    ),
                ),
                ("read_at", models.DateTimeField(verbose_name="read")),
                (
                    "unit",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="sends",
                        to="unsub.businessunit",
                        verbose_name="business unit",
                    ),
                ),
            ],
            options={
                "verbose_name": "send",
                "verbose_name_plural": "sends",
                "ordering": ("-job_id",),
            },
        ),
        migrations.CreateModel(
            name="SubscriberAlias",
            fields=[
                (
                    "alias",
                    models.CharField(
                        editable=False, max_length=49, primary_key=True, serialize=False
                    ),
                ),
                ("subscriber_digest", models.CharField(editable=False, max_length=49)),
            ],
            options={
                "verbose_name": "other identifier of a subscriber",
                "verbose_name_plural": "other identifiers of subscribers",
                "indexes": [
                    models.Index(fields=["subscriber_digest"], name="alias_subscriber_digest")
                ],
            },
        ),
        migrations.CreateModel(
            name="SubscriberRequest",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "subscriber_id",
                    models.BigIntegerField(blank=True, null=True, verbose_name="SubscriberID"),
                ),
                (
                    "subscriber_key",
                    models.CharField(blank=True, max_length=254, verbose_name="SubscriberKey"),
                ),
                (
                    "email_address",
                    models.CharField(blank=True, max_length=254, verbose_name="EmailAddress"),
                ),
                (
                    "address_digest",
                    models.CharField(blank=True, db_default="", editable=False, max_length=49),
                ),
                (
                    "address_mask",
                    models.CharField(
                        blank=True,
                        db_default="",
                        editable=False,
                        max_length=260,
                        verbose_name="address",
                    ),
                ),
                (
                    "forgotten_at",
                    models.DateTimeField(
                        blank=True,
                        editable=False,
                        null=True,
                        verbose_name="subscriber data removed on",
                    ),
                ),
                (
                    "subscriber_id_digest",
                    models.CharField(blank=True, db_default="", editable=False, max_length=49),
                ),
                (
                    "subscriber_key_digest",
                    models.CharField(blank=True, db_default="", editable=False, max_length=49),
                ),
                ("job_id", models.BigIntegerField(blank=True, null=True, verbose_name="JobID")),
                ("list_id", models.BigIntegerField(blank=True, null=True, verbose_name="ListID")),
                ("batch_id", models.BigIntegerField(blank=True, null=True, verbose_name="BatchID")),
                ("language", models.CharField(blank=True, max_length=35, verbose_name="language")),
                (
                    "subscriber_digest",
                    models.CharField(blank=True, db_default="", editable=False, max_length=49),
                ),
                (
                    "received_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        verbose_name="received",
                    ),
                ),
                (
                    "next_attempt_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        verbose_name="next attempt",
                    ),
                ),
                ("give_up_at", models.DateTimeField(verbose_name="retries until")),
                (
                    "lease_until",
                    models.DateTimeField(blank=True, null=True, verbose_name="lease until"),
                ),
                ("lease", models.UUIDField(blank=True, null=True, verbose_name="lease")),
                ("attempts", models.PositiveIntegerField(default=0, verbose_name="attempts")),
                ("outcome", models.CharField(blank=True, max_length=30, verbose_name="outcome")),
                (
                    "error_code",
                    models.BigIntegerField(blank=True, null=True, verbose_name="error code"),
                ),
                (
                    "sfmc_request_id",
                    models.CharField(
                        blank=True, max_length=64, verbose_name="Marketing Cloud request ID"
                    ),
                ),
                (
                    "finished_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="finished"),
                ),
                (
                    "scope",
                    models.CharField(
                        choices=[("list", "list"), ("all", "all")],
                        max_length=4,
                        verbose_name="scope",
                    ),
                ),
                (
                    "channel",
                    models.CharField(
                        choices=[
                            ("page", "page"),
                            ("one_click", "one-click"),
                            ("profile", "preference center"),
                            ("import", "import"),
                            ("api", "API"),
                            ("mailto", "email to the unsubscribe address"),
                        ],
                        max_length=10,
                        verbose_name="channel",
                    ),
                ),
                (
                    "reason_text",
                    models.CharField(
                        blank=True,
                        help_text="Empty if none was given.",
                        max_length=100,
                        verbose_name="reason sent to Marketing Cloud",
                    ),
                ),
                (
                    "link_age",
                    models.PositiveIntegerField(
                        blank=True, null=True, verbose_name="link age (seconds)"
                    ),
                ),
                (
                    "scanner",
                    models.CharField(
                        blank=True, db_default="", max_length=20, verbose_name="detected bot"
                    ),
                ),
                (
                    "reason_added_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="reason added"),
                ),
                (
                    "repeated_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="repeated"),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("unsubscribe", "unsubscribe"),
                            ("subscribe", "join a list"),
                            ("resubscribe", "resubscribe"),
                            ("attribute", "change details"),
                            ("format", "change email format"),
                            ("address", "change email address"),
                            ("topic", "choose a topic"),
                            ("topic_off", "leave a topic"),
                        ],
                        db_default="unsubscribe",
                        default="unsubscribe",
                        max_length=12,
                        verbose_name="type",
                    ),
                ),
                (
                    "target_type",
                    models.CharField(
                        choices=[
                            ("list", "list"),
                            ("everything", "everything"),
                            ("job", "job"),
                            ("attribute", "attribute"),
                            ("format", "format"),
                            ("address", "address"),
                            ("topic", "topic"),
                        ],
                        max_length=10,
                        verbose_name="target",
                    ),
                ),
                (
                    "target_id",
                    models.BigIntegerField(
                        blank=True, null=True, verbose_name="target list or send"
                    ),
                ),
                (
                    "target_name",
                    models.CharField(
                        blank=True,
                        db_default="",
                        max_length=150,
                        verbose_name="target attribute or topic",
                    ),
                ),
                ("value", models.TextField(blank=True, db_default="", verbose_name="new value")),
                (
                    "confirmed_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="confirmed by email"),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("waiting", "waiting for confirmation"),
                            ("pending", "pending"),
                            ("sending", "sending"),
                            ("done", "done"),
                            ("refused", "refused"),
                            ("held", "held"),
                            ("withdrawn", "withdrawn"),
                            ("superseded", "superseded"),
                        ],
                        default="pending",
                        max_length=10,
                        verbose_name="status",
                    ),
                ),
                (
                    "call_method",
                    models.CharField(
                        choices=[
                            ("event", "event"),
                            ("event_by_id", "event_by_id"),
                            ("update", "update"),
                        ],
                        db_default=unsub.domain.call_method.CallMethod["EVENT"],
                        default=unsub.domain.call_method.CallMethod["EVENT"],
                        max_length=12,
                        verbose_name="call",
                    ),
                ),
                (
                    "send_again",
                    models.BooleanField(db_default=False, default=False, editable=False),
                ),
                ("idempotency_key", models.CharField(editable=False, max_length=49, null=True)),
                ("seal_salt", models.UUIDField(default=uuid.uuid4, editable=False, null=True)),
                (
                    "consent_text",
                    models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="unsub.consenttext",
                        verbose_name="consent text",
                    ),
                ),
                (
                    "reason",
                    models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        to="unsub.reason",
                        verbose_name="reason",
                    ),
                ),
                (
                    "superseded_by",
                    models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="unsub.subscriberrequest",
                        verbose_name="replaced by",
                    ),
                ),
                (
                    "undoes",
                    models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="undone_by",
                        to="unsub.subscriberrequest",
                        verbose_name="undoes",
                    ),
                ),
                (
                    "unit",
                    models.ForeignKey(
                        db_column="mid",
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="requests",
                        to="unsub.businessunit",
                        verbose_name="business unit",
                    ),
                ),
            ],
            options={
                "verbose_name": "request",
                "verbose_name_plural": "requests",
                "ordering": ("-pk",),
                "permissions": (
                    (
                        "name_subscribers",
                        "Can see who asked, by address and key, in exports and proofs",
                    ),
                ),
            },
        ),
        migrations.CreateModel(
            name="ResolutionNote",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), verbose_name="date"
                    ),
                ),
                ("note", models.CharField(max_length=200, verbose_name="note")),
                (
                    "user",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="handled by",
                    ),
                ),
                (
                    "request",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="resolution_notes",
                        to="unsub.subscriberrequest",
                        verbose_name="request",
                    ),
                ),
            ],
            options={
                "verbose_name": "resolved",
                "verbose_name_plural": "resolved",
                "ordering": ("pk",),
            },
        ),
        migrations.CreateModel(
            name="RequestOrigin",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("asked_by", models.CharField(blank=True, max_length=100, verbose_name="asked by")),
                (
                    "received_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        verbose_name="received",
                    ),
                ),
                (
                    "api_key",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="unsub.apikey",
                        verbose_name="API key",
                    ),
                ),
                (
                    "request",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="origins",
                        to="unsub.subscriberrequest",
                        verbose_name="request",
                    ),
                ),
            ],
            options={
                "verbose_name": "submission through the API",
                "verbose_name_plural": "submissions through the API",
                "ordering": ("pk",),
            },
        ),
        migrations.CreateModel(
            name="Pause",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "began_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), verbose_name="started"
                    ),
                ),
                ("until", models.DateTimeField(verbose_name="until")),
                (
                    "end_action",
                    models.CharField(
                        choices=[
                            ("ask", "ask by email whether to restart"),
                            ("put_back", "resubscribe automatically"),
                        ],
                        max_length=10,
                        verbose_name="when it ends",
                    ),
                ),
                ("ended_at", models.DateTimeField(blank=True, null=True, verbose_name="ended")),
                (
                    "result",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("asked", "asked by email"),
                            ("put_back", "resubscribed automatically"),
                            ("cancelled", "ended early"),
                            ("stayed", "unsubscribed"),
                            ("overridden", "overridden by a later request"),
                        ],
                        max_length=10,
                        verbose_name="ended by",
                    ),
                ),
                (
                    "request",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="pause",
                        to="unsub.subscriberrequest",
                        verbose_name="request",
                    ),
                ),
            ],
            options={
                "verbose_name": "pause",
                "verbose_name_plural": "pauses",
                "ordering": ("-pk",),
            },
        ),
        migrations.CreateModel(
            name="LinkEmail",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "subscriber_id",
                    models.BigIntegerField(blank=True, null=True, verbose_name="SubscriberID"),
                ),
                (
                    "subscriber_key",
                    models.CharField(blank=True, max_length=254, verbose_name="SubscriberKey"),
                ),
                (
                    "email_address",
                    models.CharField(blank=True, max_length=254, verbose_name="EmailAddress"),
                ),
                (
                    "address_digest",
                    models.CharField(blank=True, db_default="", editable=False, max_length=49),
                ),
                (
                    "address_mask",
                    models.CharField(
                        blank=True,
                        db_default="",
                        editable=False,
                        max_length=260,
                        verbose_name="address",
                    ),
                ),
                (
                    "forgotten_at",
                    models.DateTimeField(
                        blank=True,
                        editable=False,
                        null=True,
                        verbose_name="subscriber data removed on",
                    ),
                ),
                (
                    "subscriber_id_digest",
                    models.CharField(blank=True, db_default="", editable=False, max_length=49),
                ),
                (
                    "subscriber_key_digest",
                    models.CharField(blank=True, db_default="", editable=False, max_length=49),
                ),
                ("job_id", models.BigIntegerField(blank=True, null=True, verbose_name="JobID")),
                ("list_id", models.BigIntegerField(blank=True, null=True, verbose_name="ListID")),
                ("batch_id", models.BigIntegerField(blank=True, null=True, verbose_name="BatchID")),
                ("language", models.CharField(blank=True, max_length=35, verbose_name="language")),
                (
                    "subscriber_digest",
                    models.CharField(blank=True, db_default="", editable=False, max_length=49),
                ),
                (
                    "received_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        verbose_name="received",
                    ),
                ),
                (
                    "next_attempt_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        verbose_name="next attempt",
                    ),
                ),
                ("give_up_at", models.DateTimeField(verbose_name="retries until")),
                (
                    "lease_until",
                    models.DateTimeField(blank=True, null=True, verbose_name="lease until"),
                ),
                ("lease", models.UUIDField(blank=True, null=True, verbose_name="lease")),
                ("attempts", models.PositiveIntegerField(default=0, verbose_name="attempts")),
                ("outcome", models.CharField(blank=True, max_length=30, verbose_name="outcome")),
                (
                    "error_code",
                    models.BigIntegerField(blank=True, null=True, verbose_name="error code"),
                ),
                (
                    "sfmc_request_id",
                    models.CharField(
                        blank=True, max_length=64, verbose_name="Marketing Cloud request ID"
                    ),
                ),
                (
                    "finished_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="finished"),
                ),
                (
                    "purpose",
                    models.CharField(
                        choices=[
                            ("confirm", "confirmation"),
                            ("new_link", "new link"),
                            ("ask_back", "pause ended"),
                            ("consent", "consent to a new address"),
                            ("notice", "notice of a new address"),
                        ],
                        max_length=10,
                        verbose_name="purpose",
                    ),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("pending", "pending"),
                            ("sending", "sending"),
                            ("done", "sent"),
                            ("refused", "refused"),
                            ("cancelled", "canceled"),
                        ],
                        default="pending",
                        max_length=10,
                        verbose_name="status",
                    ),
                ),
                ("idempotency_key", models.CharField(editable=False, max_length=160, null=True)),
                (
                    "unit",
                    models.ForeignKey(
                        db_column="mid",
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="link_emails",
                        to="unsub.businessunit",
                        verbose_name="business unit",
                    ),
                ),
                (
                    "pause",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="link_emails",
                        to="unsub.pause",
                        verbose_name="pause",
                    ),
                ),
                (
                    "request",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="link_emails",
                        to="unsub.subscriberrequest",
                        verbose_name="request",
                    ),
                ),
            ],
            options={
                "verbose_name": "email with a link",
                "verbose_name_plural": "emails with links",
                "ordering": ("-pk",),
            },
        ),
        migrations.CreateModel(
            name="DeliveryAttempt",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("number", models.PositiveIntegerField(verbose_name="attempt")),
                ("lease", models.UUIDField(editable=False, verbose_name="lease")),
                (
                    "started_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), verbose_name="started"
                    ),
                ),
                (
                    "finished_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="finished"),
                ),
                (
                    "outcome",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("posted", "posted"),
                            ("unsubscribed_without_event", "unsubscribed_without_event"),
                            ("already_unsubscribed", "already_unsubscribed"),
                            ("already_subscribed", "already_subscribed"),
                            ("try_later", "try_later"),
                            ("refused", "refused"),
                            ("misconfigured", "misconfigured"),
                            ("unknown", "unknown"),
                            ("internal_error", "internal_error"),
                        ],
                        max_length=30,
                        verbose_name="outcome",
                    ),
                ),
                (
                    "status_code",
                    models.CharField(blank=True, max_length=40, verbose_name="status code"),
                ),
                (
                    "error_code",
                    models.BigIntegerField(blank=True, null=True, verbose_name="error code"),
                ),
                ("detail", models.CharField(blank=True, max_length=200, verbose_name="details")),
                (
                    "sfmc_request_id",
                    models.CharField(
                        blank=True, max_length=64, verbose_name="Marketing Cloud request ID"
                    ),
                ),
                (
                    "call_method",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("event", "event"),
                            ("event_by_id", "event_by_id"),
                            ("update", "update"),
                        ],
                        db_default="",
                        help_text="How an unsubscribe was sent.",
                        max_length=12,
                        verbose_name="call",
                    ),
                ),
                (
                    "late_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="late response"),
                ),
                (
                    "late_outcome",
                    models.CharField(
                        blank=True,
                        db_default="",
                        max_length=30,
                        verbose_name="outcome of the late response",
                    ),
                ),
                (
                    "batch_size",
                    models.PositiveSmallIntegerField(default=1, verbose_name="batch size"),
                ),
                (
                    "link_email",
                    models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="delivery_attempts",
                        to="unsub.linkemail",
                        verbose_name="email with a link",
                    ),
                ),
                (
                    "request",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="delivery_attempts",
                        to="unsub.subscriberrequest",
                        verbose_name="request",
                    ),
                ),
            ],
            options={
                "verbose_name": "delivery attempt",
                "verbose_name_plural": "delivery attempts",
                "ordering": ("request", "number"),
            },
        ),
        migrations.CreateModel(
            name="Topic",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "code",
                    models.SlugField(
                        db_index=False,
                        help_text="Names the topic in requests and exports, like events. It can’t be changed.",
                        validators=[
                            django.core.validators.RegexValidator(
                                "[a-z]", "Use at least one small letter."
                            )
                        ],
                        verbose_name="code",
                    ),
                ),
                (
                    "name",
                    models.CharField(
                        help_text="As recipients know it. Also per language.",
                        max_length=100,
                        verbose_name="name",
                    ),
                ),
                (
                    "description",
                    models.CharField(
                        blank=True,
                        db_default="",
                        default="",
                        max_length=200,
                        verbose_name="description",
                    ),
                ),
                (
                    "offered",
                    models.BooleanField(
                        db_default=True,
                        default=True,
                        help_text="Recipients can choose it in the preference center. If off, only those who have it on see it, and can leave it.",
                        verbose_name="offered",
                    ),
                ),
                (
                    "position",
                    models.PositiveSmallIntegerField(
                        db_default=1000,
                        default=1000,
                        help_text="Among topics and mailing lists, lowest first.",
                        verbose_name="order",
                    ),
                ),
                (
                    "kept_in",
                    models.CharField(
                        choices=[
                            ("column", "column of a data extension"),
                            ("attribute", "profile attribute"),
                        ],
                        default="column",
                        max_length=10,
                        verbose_name="kept in",
                    ),
                ),
                (
                    "data_extension",
                    models.CharField(
                        blank=True,
                        db_default="",
                        default="",
                        help_text="Its external key (CustomerKey).",
                        max_length=200,
                        verbose_name="data extension",
                    ),
                ),
                (
                    "key_column",
                    models.CharField(
                        blank=True,
                        db_default="",
                        default="",
                        help_text="The primary key of the data extension, like SubscriberKey.",
                        max_length=200,
                        verbose_name="key column",
                    ),
                ),
                (
                    "key_holds",
                    models.CharField(
                        choices=[
                            ("key", "SubscriberKey"),
                            ("id", "SubscriberID"),
                            ("address", "email address"),
                        ],
                        default="key",
                        max_length=10,
                        verbose_name="key column holds",
                    ),
                ),
                (
                    "column",
                    models.CharField(
                        help_text="Where the value is kept.",
                        max_length=200,
                        verbose_name="column or attribute",
                    ),
                ),
                (
                    "on_value",
                    models.CharField(
                        blank=True, default="True", max_length=100, verbose_name="value for on"
                    ),
                ),
                (
                    "off_value",
                    models.CharField(
                        blank=True,
                        default="False",
                        help_text="In a pick list: the choice that means no emails, or empty.",
                        max_length=100,
                        verbose_name="value for off",
                    ),
                ),
                (
                    "choices",
                    models.TextField(
                        blank=True,
                        db_default="",
                        default="",
                        help_text="For a pick list: one choice on each line, as value = label, like monthly = Once a month. Empty for yes or no.",
                        max_length=2000,
                        verbose_name="choices",
                    ),
                ),
                (
                    "empty_value",
                    models.CharField(
                        blank=True,
                        db_default="",
                        default="",
                        help_text="What counts for somebody without a row, or with an empty column. Empty: the topic is off.",
                        max_length=100,
                        verbose_name="value where there is none",
                    ),
                ),
                (
                    "unsubscribes_list_id",
                    models.BigIntegerField(
                        blank=True,
                        help_text="A data extension records no unsubscribe. With a ListID, whoever leaves the topic is unsubscribed from that list, too, which is tracked (UnsubEvent).",
                        null=True,
                        validators=[django.core.validators.MinValueValidator(1)],
                        verbose_name="also unsubscribe from ListID",
                    ),
                ),
                (
                    "unit",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="topics",
                        to="unsub.businessunit",
                        verbose_name="business unit",
                    ),
                ),
            ],
            options={
                "verbose_name": "topic",
                "verbose_name_plural": "topics",
                "ordering": ("unit", "position", "name"),
            },
        ),
        migrations.CreateModel(
            name="TopicText",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "language",
                    models.CharField(
                        choices=settings.LANGUAGES, max_length=10, verbose_name="language"
                    ),
                ),
                ("name", models.CharField(blank=True, max_length=100, verbose_name="name")),
                (
                    "description",
                    models.CharField(blank=True, max_length=200, verbose_name="description"),
                ),
                (
                    "choices",
                    models.TextField(
                        blank=True,
                        help_text="One on each line, as value = label.",
                        max_length=2000,
                        verbose_name="choices",
                    ),
                ),
                (
                    "topic",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="texts",
                        to="unsub.topic",
                        verbose_name="topic",
                    ),
                ),
            ],
            options={
                "verbose_name": "translation of a topic",
                "verbose_name_plural": "translations of topics",
                "ordering": ("language",),
            },
        ),
        migrations.CreateModel(
            name="UnsubscribeImport",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("uploaded", "uploaded"),
                            ("checking", "being checked"),
                            ("checked", "checked"),
                            ("importing", "being imported"),
                            ("done", "imported"),
                            ("cancelled", "cancelled"),
                        ],
                        default="uploaded",
                        max_length=10,
                        verbose_name="status",
                    ),
                ),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        verbose_name="uploaded",
                    ),
                ),
                ("started_at", models.DateTimeField(null=True, verbose_name="started")),
                ("finished_at", models.DateTimeField(null=True, verbose_name="finished")),
                ("content_digest", models.CharField(max_length=49)),
                (
                    "default_time",
                    models.DateTimeField(null=True, verbose_name="time of rows without one"),
                ),
                ("size", models.PositiveIntegerField(verbose_name="size in bytes")),
                ("encoding", models.CharField(max_length=12, verbose_name="encoding")),
                ("mark", models.PositiveSmallIntegerField(default=0)),
                ("delimiter", models.CharField(max_length=1, verbose_name="delimiter")),
                ("has_header", models.BooleanField(verbose_name="first line has names")),
                ("columns", models.JSONField(default=dict, verbose_name="columns")),
                (
                    "scope",
                    models.CharField(
                        choices=[("list", "list"), ("all", "all")],
                        default="list",
                        max_length=4,
                        verbose_name="scope",
                    ),
                ),
                ("line", models.PositiveIntegerField(default=0)),
                ("offset", models.PositiveIntegerField(default=0)),
                ("rows", models.PositiveIntegerField(default=0, verbose_name="rows")),
                ("accepted", models.PositiveIntegerField(default=0, verbose_name="new requests")),
                (
                    "repeated",
                    models.PositiveIntegerField(default=0, verbose_name="already requested"),
                ),
                (
                    "erased",
                    models.PositiveIntegerField(default=0, verbose_name="deleted subscribers"),
                ),
                (
                    "refused",
                    models.PositiveIntegerField(default=0, verbose_name="rows with an error"),
                ),
                ("lease", models.UUIDField(null=True)),
                ("lease_until", models.DateTimeField(null=True)),
                (
                    "created_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="uploaded by",
                    ),
                ),
                (
                    "started_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="started by",
                    ),
                ),
                (
                    "unit",
                    models.ForeignKey(
                        db_column="mid",
                        on_delete=django.db.models.deletion.CASCADE,
                        to="unsub.businessunit",
                        verbose_name="business unit",
                    ),
                ),
            ],
            options={
                "verbose_name": "import of unsubscribes",
                "verbose_name_plural": "imports of unsubscribes",
                "ordering": ("-pk",),
                "permissions": (("import_unsubscribes", "Can import unsubscribes from files"),),
                "default_permissions": ("view",),
            },
        ),
        migrations.CreateModel(
            name="ImportProblem",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("line", models.PositiveIntegerField()),
                ("field", models.CharField(blank=True, max_length=20)),
                ("problem", models.CharField(max_length=30)),
                (
                    "of",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="problems",
                        to="unsub.unsubscribeimport",
                    ),
                ),
            ],
            options={
                "ordering": ("line", "pk"),
            },
        ),
        migrations.CreateModel(
            name="ImportPart",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("number", models.PositiveIntegerField()),
                ("content", models.BinaryField()),
                (
                    "of",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="parts",
                        to="unsub.unsubscribeimport",
                    ),
                ),
            ],
            options={
                "ordering": ("number",),
            },
        ),
        migrations.CreateModel(
            name="WebhookAttempt",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("number", models.PositiveIntegerField(verbose_name="attempt")),
                ("started_at", models.DateTimeField(verbose_name="started")),
                (
                    "finished_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        verbose_name="finished",
                    ),
                ),
                (
                    "result",
                    models.CharField(
                        choices=[
                            ("delivered", "delivered"),
                            ("http_error", "the receiver refused it"),
                            ("redirect", "the receiver redirected; redirects aren’t followed"),
                            ("timeout", "no complete response in time"),
                            ("no_connection", "no connection"),
                            ("no_tls", "no secure connection: check the certificate"),
                            ("broken", "the connection broke"),
                            ("forbidden", "the address isn’t allowed: it’s private, or not https"),
                            ("no_secret", "the secret can’t be read: replace it"),
                            ("unknown", "unknown: the worker stopped"),
                        ],
                        max_length=15,
                        verbose_name="result",
                    ),
                ),
                (
                    "status_code",
                    models.PositiveSmallIntegerField(null=True, verbose_name="HTTP status"),
                ),
                (
                    "delivery",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="log",
                        to="unsub.webhookdelivery",
                    ),
                ),
            ],
            options={
                "verbose_name": "attempt",
                "verbose_name_plural": "attempts",
                "ordering": ("number",),
            },
        ),
        migrations.CreateModel(
            name="WebhookEndpoint",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=60, verbose_name="name")),
                ("url", models.CharField(max_length=500, verbose_name="URL")),
                (
                    "types",
                    models.JSONField(default=unsub.models.webhook.all_types, verbose_name="events"),
                ),
                (
                    "include_subscriber",
                    models.BooleanField(
                        default=True,
                        help_text="The email address is only included where a request has nothing else, or if you choose it below.",
                        verbose_name="include SubscriberKey and SubscriberID",
                    ),
                ),
                (
                    "include_address",
                    models.BooleanField(
                        default=False,
                        help_text="Choose this only if the receiver needs the address.",
                        verbose_name="include email address",
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("active", "active"),
                            ("paused", "paused"),
                            ("disabled", "disabled"),
                        ],
                        default="active",
                        help_text="While paused, events are kept and sent later. While disabled, they aren’t.",
                        max_length=10,
                        verbose_name="status",
                    ),
                ),
                ("secret", models.TextField(editable=False)),
                ("former_secret", models.TextField(blank=True, editable=False)),
                ("former_until", models.DateTimeField(editable=False, null=True)),
                (
                    "failures",
                    models.PositiveIntegerField(
                        default=0, editable=False, verbose_name="failures in a row"
                    ),
                ),
                (
                    "failing_since",
                    models.DateTimeField(editable=False, null=True, verbose_name="failing since"),
                ),
                (
                    "open_until",
                    models.DateTimeField(editable=False, null=True, verbose_name="next try"),
                ),
                (
                    "disabled_reason",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("gone", "the receiver answered 410 Gone"),
                            ("failing", "no event was delivered for 5 days"),
                        ],
                        editable=False,
                        max_length=10,
                        verbose_name="disabled because",
                    ),
                ),
                (
                    "disabled_at",
                    models.DateTimeField(editable=False, null=True, verbose_name="disabled"),
                ),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        editable=False,
                        verbose_name="created",
                    ),
                ),
                (
                    "created_by",
                    models.ForeignKey(
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="created by",
                    ),
                ),
                (
                    "unit",
                    models.ForeignKey(
                        blank=True,
                        help_text="Empty for all business units.",
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="webhook_endpoints",
                        to="unsub.businessunit",
                        verbose_name="business unit",
                    ),
                ),
            ],
            options={
                "verbose_name": "webhook",
                "verbose_name_plural": "webhooks",
                "ordering": ("name", "pk"),
            },
        ),
        migrations.AddField(
            model_name="webhookdelivery",
            name="endpoint",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="deliveries",
                to="unsub.webhookendpoint",
                verbose_name="webhook",
            ),
        ),
        migrations.CreateModel(
            name="WebhookEvent",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=unsub.models.webhook.event_id,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                        verbose_name="event ID",
                    ),
                ),
                (
                    "type",
                    models.CharField(
                        choices=[
                            ("profilecenter.request.accepted", "request accepted"),
                            ("profilecenter.request.confirmed", "unsubscribe confirmed"),
                            ("profilecenter.request.refused", "request refused"),
                            ("profilecenter.request.withdrawn", "request withdrawn"),
                            ("profilecenter.preferences.changed", "preferences changed"),
                            ("profilecenter.erasure.granted", "deletion approved"),
                            ("profilecenter.endpoint.test", "test"),
                        ],
                        max_length=40,
                        verbose_name="event",
                    ),
                ),
                (
                    "occurred_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        verbose_name="occurred",
                    ),
                ),
                ("status", models.CharField(blank=True, max_length=10, verbose_name="status")),
                ("outcome", models.CharField(blank=True, max_length=30, verbose_name="outcome")),
                ("error_code", models.BigIntegerField(null=True, verbose_name="error code")),
                ("sealed_subscribers", models.TextField(blank=True, editable=False)),
                (
                    "erasure",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="unsub.erasure",
                    ),
                ),
                (
                    "request",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="webhook_events",
                        to="unsub.subscriberrequest",
                        verbose_name="request",
                    ),
                ),
                (
                    "unit",
                    models.ForeignKey(
                        db_column="mid",
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="unsub.businessunit",
                        verbose_name="business unit",
                    ),
                ),
            ],
            options={
                "verbose_name": "event",
                "verbose_name_plural": "events",
                "ordering": ("-pk",),
            },
        ),
        migrations.AddField(
            model_name="webhookdelivery",
            name="event",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="deliveries",
                to="unsub.webhookevent",
                verbose_name="event",
            ),
        ),
        migrations.CreateModel(
            name="WeeklyDigest",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("week", models.DateField(verbose_name="week")),
                (
                    "requested_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("sent_at", models.DateTimeField(null=True, verbose_name="sent")),
                (
                    "unit",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="unsub.businessunit",
                        verbose_name="business unit",
                    ),
                ),
            ],
            options={
                "verbose_name": "weekly summary",
                "verbose_name_plural": "weekly summaries",
            },
        ),
        migrations.CreateModel(
            name="AlarmNotification",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "channel",
                    models.CharField(
                        choices=[("email", "email"), ("webhook", "webhook")], max_length=10
                    ),
                ),
                (
                    "next_try_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("failures", models.PositiveSmallIntegerField(default=0)),
                ("notified_at", models.DateTimeField(null=True)),
                ("notified_number", models.PositiveIntegerField(default=0)),
                ("end_notified_at", models.DateTimeField(null=True)),
                (
                    "alarm",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="notifications",
                        to="unsub.alarm",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("alarm", "channel"), name="alarm_notification_once"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="ApiAnswer",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("key_digest", models.CharField(max_length=49)),
                ("body_digest", models.CharField(max_length=49)),
                (
                    "started_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("claim", models.UUIDField()),
                ("status", models.PositiveSmallIntegerField(null=True)),
                ("answer", models.JSONField(null=True)),
                (
                    "api_key",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="unsub.apikey",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["started_at"], name="api_answer_started")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("api_key", "key_digest"), name="api_answer_once"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="DarkLogo",
            fields=[
                ("image", models.BinaryField(verbose_name="image")),
                ("content_digest", models.CharField(max_length=32)),
                ("width", models.PositiveSmallIntegerField(verbose_name="width")),
                ("height", models.PositiveSmallIntegerField(verbose_name="height")),
                (
                    "unit",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="dark_logo",
                        serialize=False,
                        to="unsub.businessunit",
                        verbose_name="business unit",
                    ),
                ),
            ],
            options={
                "verbose_name": "logo for dark mode",
                "verbose_name_plural": "logos for dark mode",
                "indexes": [
                    models.Index(fields=["content_digest"], name="dark_logo_content_digest")
                ],
            },
        ),
        migrations.CreateModel(
            name="Logo",
            fields=[
                ("image", models.BinaryField(verbose_name="image")),
                ("content_digest", models.CharField(max_length=32)),
                ("width", models.PositiveSmallIntegerField(verbose_name="width")),
                ("height", models.PositiveSmallIntegerField(verbose_name="height")),
                (
                    "unit",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="logo",
                        serialize=False,
                        to="unsub.businessunit",
                        verbose_name="business unit",
                    ),
                ),
            ],
            options={
                "verbose_name": "logo",
                "verbose_name_plural": "logos",
                "indexes": [models.Index(fields=["content_digest"], name="logo_content_digest")],
            },
        ),
        migrations.CreateModel(
            name="QueueState",
            fields=[
                (
                    "unit",
                    models.OneToOneField(
                        db_column="mid",
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="queue_state",
                        serialize=False,
                        to="unsub.businessunit",
                        verbose_name="business unit",
                    ),
                ),
                (
                    "held_since",
                    models.DateTimeField(blank=True, null=True, verbose_name="on hold since"),
                ),
                (
                    "held_reason",
                    models.CharField(
                        blank=True, db_default="", max_length=100, verbose_name="reason for hold"
                    ),
                ),
                (
                    "paused_until",
                    models.DateTimeField(
                        blank=True, null=True, verbose_name="sending paused until"
                    ),
                ),
                (
                    "paused_reason",
                    models.CharField(
                        blank=True,
                        db_default="",
                        max_length=100,
                        verbose_name="reason sending is paused",
                    ),
                ),
                ("unknowns_in_a_row", models.PositiveIntegerField(db_default=0, default=0)),
                (
                    "singly_until",
                    models.DateTimeField(blank=True, null=True, verbose_name="no batches until"),
                ),
            ],
            options={
                "verbose_name": "state of a queue",
                "verbose_name_plural": "states of queues",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("held_since__isnull", True),
                            models.Q(("paused_reason", "held"), ("paused_until__isnull", False)),
                            _connector="OR",
                        ),
                        name="queue_held_has_a_next_probe",
                    )
                ],
            },
        ),
        migrations.AddConstraint(
            model_name="businessunit",
            constraint=models.UniqueConstraint(
                condition=models.Q(("domain", ""), _negated=True),
                fields=("domain",),
                name="unit_domain_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="apikey",
            constraint=models.UniqueConstraint(fields=("key_digest",), name="api_key_once"),
        ),
        migrations.AddConstraint(
            model_name="apikey",
            constraint=models.UniqueConstraint(
                condition=models.Q(("revoked_at", None)),
                fields=("unit", "name"),
                name="api_key_name_once",
                nulls_distinct=False,
            ),
        ),
        migrations.AddConstraint(
            model_name="apikey",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("may_submit", True), ("may_read", True), ("may_sign", True), _connector="OR"
                ),
                name="api_key_has_a_purpose",
                violation_error_message="Choose what the key may be used for.",
            ),
        ),
        migrations.AddConstraint(
            model_name="consenttext",
            constraint=models.UniqueConstraint(
                fields=("unit", "language", "text_digest"), name="consent_text_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="erasedidentifier",
            constraint=models.UniqueConstraint(
                fields=("digest", "unit"), name="erased_identifier_once"
            ),
        ),
        migrations.AddIndex(
            model_name="erasure",
            index=models.Index(fields=["unit", "received_at"], name="erasure_received"),
        ),
        migrations.AddConstraint(
            model_name="erasure",
            constraint=models.UniqueConstraint(
                condition=models.Q(("declined_at", None), ("granted_at", None)),
                fields=("unit", "subscriber_digest"),
                name="erasure_open_once",
            ),
        ),
        migrations.AddIndex(
            model_name="exportrun",
            index=models.Index(
                condition=models.Q(("finished_at", None)), fields=["plan"], name="export_run_open"
            ),
        ),
        migrations.AddIndex(
            model_name="lostlink",
            index=models.Index(
                fields=["unit", "address_digest", "received_at"], name="lost_link_same"
            ),
        ),
        migrations.AddIndex(
            model_name="lostlink",
            index=models.Index(fields=["unit", "received_at"], name="lost_link_received"),
        ),
        migrations.AddConstraint(
            model_name="mailinglist",
            constraint=models.UniqueConstraint(
                fields=("unit", "list_id"), name="mailing_list_once_per_unit"
            ),
        ),
        migrations.AddConstraint(
            model_name="mailinglisttext",
            constraint=models.UniqueConstraint(
                fields=("mailing_list", "language"), name="list_text_once_per_language"
            ),
        ),
        migrations.AddConstraint(
            model_name="messagetypestate",
            constraint=models.UniqueConstraint(
                fields=("unit", "message_type"), name="message_type_state_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="pagetext",
            constraint=models.UniqueConstraint(
                fields=("unit", "language", "place"), name="text_once_per_place_and_language"
            ),
        ),
        migrations.AddConstraint(
            model_name="reason",
            constraint=models.UniqueConstraint(
                fields=("unit", "code"), name="reason_code_once_per_unit", nulls_distinct=False
            ),
        ),
        migrations.AddConstraint(
            model_name="reasonlabel",
            constraint=models.UniqueConstraint(
                fields=("reason", "language"), name="label_once_per_language"
            ),
        ),
        migrations.AddConstraint(
            model_name="restorehold",
            constraint=models.UniqueConstraint(
                models.Value(1), condition=models.Q(("released_at", None)), name="restore_hold_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="savedview",
            constraint=models.UniqueConstraint(
                fields=("owner", "page", "name"), name="saved_view_name"
            ),
        ),
        migrations.AddConstraint(
            model_name="defaultview",
            constraint=models.UniqueConstraint(fields=("user", "page"), name="default_view_once"),
        ),
        migrations.AddIndex(
            model_name="send",
            index=models.Index(fields=["unit", "-sent_at"], name="send_newest"),
        ),
        migrations.AddConstraint(
            model_name="send",
            constraint=models.UniqueConstraint(
                fields=("unit", "job_id"), name="send_once_per_unit"
            ),
        ),
        migrations.AddIndex(
            model_name="subscriberrequest",
            index=models.Index(
                condition=models.Q(("status", "pending")),
                fields=["unit", "next_attempt_at"],
                name="request_due",
            ),
        ),
        migrations.AddIndex(
            model_name="subscriberrequest",
            index=models.Index(fields=["subscriber_digest"], name="request_subscriber_digest"),
        ),
        migrations.AddIndex(
            model_name="subscriberrequest",
            index=models.Index(
                condition=models.Q(("job_id__isnull", False)), fields=["job_id"], name="request_job"
            ),
        ),
        migrations.AddIndex(
            model_name="subscriberrequest",
            index=models.Index(fields=["received_at"], name="request_received"),
        ),
        migrations.AddIndex(
            model_name="subscriberrequest",
            index=models.Index(
                condition=models.Q(("subscriber_key", ""), _negated=True),
                fields=["subscriber_key"],
                name="request_subscriber_key",
            ),
        ),
        migrations.AddIndex(
            model_name="subscriberrequest",
            index=models.Index(
                condition=models.Q(
                    models.Q(("subscriber_key", ""), _negated=True),
                    models.Q(("email_address", ""), _negated=True),
                    _connector="OR",
                ),
                fields=["subscriber_id"],
                name="request_subscriber_id",
            ),
        ),
        migrations.AddIndex(
            model_name="subscriberrequest",
            index=models.Index(
                condition=models.Q(("address_digest", ""), _negated=True),
                fields=["address_digest"],
                name="request_address_digest",
            ),
        ),
        migrations.AddIndex(
            model_name="subscriberrequest",
            index=models.Index(
                condition=models.Q(("subscriber_id_digest", ""), _negated=True),
                fields=["subscriber_id_digest"],
                name="request_id_digest",
            ),
        ),
        migrations.AddIndex(
            model_name="subscriberrequest",
            index=models.Index(
                condition=models.Q(("subscriber_key_digest", ""), _negated=True),
                fields=["subscriber_key_digest"],
                name="request_key_digest",
            ),
        ),
        migrations.AddIndex(
            model_name="subscriberrequest",
            index=models.Index(
                condition=models.Q(("finished_at__isnull", False)),
                fields=["unit", "finished_at"],
                name="request_ended",
            ),
        ),
        migrations.AddIndex(
            model_name="subscriberrequest",
            index=models.Index(
                condition=models.Q(
                    ("finished_at__isnull", False),
                    ("forgotten_at__isnull", True),
                    models.Q(("consent_text__isnull", False), ("status", "done"), _negated=True),
                ),
                fields=["unit", "finished_at"],
                name="request_kept_in_clear",
            ),
        ),
        migrations.AddIndex(
            model_name="subscriberrequest",
            index=models.Index(
                condition=models.Q(
                    ("finished_at__isnull", False),
                    ("forgotten_at__isnull", True),
                    ("consent_text__isnull", False),
                    ("status", "done"),
                ),
                fields=["unit", "finished_at"],
                name="request_kept_consent",
            ),
        ),
        migrations.AddIndex(
            model_name="subscriberrequest",
            index=models.Index(
                condition=models.Q(("finished_at__isnull", False), ("list_id__isnull", False)),
                fields=["list_id"],
                name="request_list",
            ),
        ),
        migrations.AddIndex(
            model_name="subscriberrequest",
            index=models.Index(
                condition=models.Q(("status", "sending")),
                fields=["lease_until"],
                name="request_leased",
            ),
        ),
        migrations.AddIndex(
            model_name="subscriberrequest",
            index=models.Index(
                condition=models.Q(("status", "refused")),
                fields=["unit", "finished_at"],
                name="request_refused",
            ),
        ),
        migrations.AddIndex(
            model_name="subscriberrequest",
            index=models.Index(
                condition=models.Q(("status", "refused")),
                fields=["id"],
                include=("unit",),
                name="request_refused_newest",
            ),
        ),
        migrations.AddIndex(
            model_name="subscriberrequest",
            index=models.Index(
                condition=models.Q(("status", "waiting")),
                fields=["received_at"],
                name="request_waiting",
            ),
        ),
        migrations.AddIndex(
            model_name="subscriberrequest",
            index=models.Index(
                condition=models.Q(("outcome", "internal_error"), ("status", "pending")),
                fields=["unit"],
                name="request_failing",
            ),
        ),
        migrations.AddIndex(
            model_name="subscriberrequest",
            index=models.Index(
                condition=models.Q(
                    ("status", "pending"), models.Q(("kind", "unsubscribe"), _negated=True)
                ),
                fields=["unit", "next_attempt_at"],
                name="request_change_due",
            ),
        ),
        migrations.AddIndex(
            model_name="subscriberrequest",
            index=models.Index(
                condition=models.Q(("kind", "unsubscribe"), _negated=True),
                fields=["kind", "id"],
                name="request_kind",
            ),
        ),
        migrations.AddIndex(
            model_name="subscriberrequest",
            index=models.Index(
                condition=models.Q(("undoes__isnull", False)),
                fields=["undoes"],
                name="request_undoes",
            ),
        ),
        migrations.AddIndex(
            model_name="subscriberrequest",
            index=models.Index(
                condition=models.Q(("error_code__isnull", False)),
                fields=["error_code"],
                name="request_error_code",
            ),
        ),
        migrations.AddIndex(
            model_name="subscriberrequest",
            index=models.Index(
                condition=models.Q(("reason__isnull", False)),
                fields=["reason"],
                name="request_reason",
            ),
        ),
        migrations.AddIndex(
            model_name="subscriberrequest",
            index=models.Index(
                condition=models.Q(("superseded_by__isnull", False)),
                fields=["superseded_by"],
                name="request_superseded_by",
            ),
        ),
        migrations.AddConstraint(
            model_name="subscriberrequest",
            constraint=models.UniqueConstraint(
                fields=("idempotency_key",), name="request_idempotency_key_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="subscriberrequest",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("subscriber_id__isnull", False),
                    models.Q(("subscriber_key", ""), _negated=True),
                    models.Q(("email_address", ""), _negated=True),
                    ("forgotten_at__isnull", False),
                    _connector="OR",
                ),
                name="request_names_a_subscriber",
            ),
        ),
        migrations.AddConstraint(
            model_name="subscriberrequest",
            constraint=models.CheckConstraint(
                condition=models.Q(("status", "held"), _negated=True),
                name="request_is_never_stored_as_held",
            ),
        ),
        migrations.AddConstraint(
            model_name="subscriberrequest",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("attempts__gt", 0),
                        ("lease__isnull", False),
                        ("lease_until__isnull", False),
                        ("status", "sending"),
                    ),
                    models.Q(
                        models.Q(("status", "sending"), _negated=True),
                        ("lease__isnull", True),
                        ("lease_until__isnull", True),
                    ),
                    _connector="OR",
                ),
                name="request_sending_has_a_lease",
            ),
        ),
        migrations.AddConstraint(
            model_name="subscriberrequest",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("finished_at__isnull", False),
                        ("status__in", ("done", "refused", "withdrawn", "superseded")),
                    ),
                    models.Q(
                        ("finished_at__isnull", True),
                        ("status__in", ("waiting", "pending", "sending")),
                    ),
                    _connector="OR",
                ),
                name="request_ended_has_finished_at",
            ),
        ),
        migrations.AddConstraint(
            model_name="subscriberrequest",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("status", "superseded"), ("superseded_by__isnull", False)),
                    models.Q(
                        models.Q(("status", "superseded"), _negated=True),
                        ("superseded_by__isnull", True),
                    ),
                    _connector="OR",
                ),
                name="request_superseded_has_superseded_by",
            ),
        ),
        migrations.AddConstraint(
            model_name="subscriberrequest",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("status", "done"), _negated=True),
                    models.Q(
                        models.Q(("outcome", ""), _negated=True),
                        models.Q(("attempts__gt", 0), ("channel", "import"), _connector="OR"),
                    ),
                    _connector="OR",
                ),
                name="request_done_has_an_outcome",
            ),
        ),
        migrations.AddConstraint(
            model_name="subscriberrequest",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("kind", "unsubscribe"), _negated=True),
                    models.Q(
                        models.Q(("status", "waiting"), _negated=True),
                        ("confirmed_at__isnull", True),
                        ("consent_text__isnull", True),
                        ("value", ""),
                    ),
                    _connector="OR",
                ),
                name="request_unsubscribe_needs_nothing_else",
            ),
        ),
        migrations.AddConstraint(
            model_name="subscriberrequest",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("confirmed_at__isnull", True),
                    models.Q(("status", "waiting"), _negated=True),
                    _connector="OR",
                ),
                name="request_confirmed_is_not_waiting",
            ),
        ),
        migrations.AddConstraint(
            model_name="subscriberrequest",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("target_id__isnull", False),
                        ("target_name", ""),
                        ("target_type__in", ("list", "job")),
                    ),
                    models.Q(
                        models.Q(("target_name", ""), _negated=True),
                        ("target_id__isnull", True),
                        ("target_type__in", ("attribute", "topic")),
                    ),
                    models.Q(
                        ("target_id__isnull", True),
                        ("target_name", ""),
                        ("target_type__in", ("everything", "format", "address")),
                    ),
                    _connector="OR",
                ),
                name="request_has_a_target",
            ),
        ),
        migrations.AddIndex(
            model_name="pause",
            index=models.Index(
                condition=models.Q(("ended_at__isnull", True)),
                fields=["until"],
                name="pause_running",
            ),
        ),
        migrations.AddIndex(
            model_name="linkemail",
            index=models.Index(
                condition=models.Q(("status", "pending")),
                fields=["unit", "next_attempt_at"],
                name="link_email_due",
            ),
        ),
        migrations.AddIndex(
            model_name="linkemail",
            index=models.Index(
                condition=models.Q(("status", "sending")),
                fields=["lease_until"],
                name="link_email_leased",
            ),
        ),
        migrations.AddIndex(
            model_name="linkemail",
            index=models.Index(
                condition=models.Q(("status", "refused")),
                fields=["unit", "finished_at"],
                name="link_email_refused",
            ),
        ),
        migrations.AddIndex(
            model_name="linkemail",
            index=models.Index(
                condition=models.Q(("outcome", "internal_error"), ("status", "pending")),
                fields=["unit"],
                name="link_email_failing",
            ),
        ),
        migrations.AddIndex(
            model_name="linkemail",
            index=models.Index(fields=["subscriber_digest"], name="link_email_person"),
        ),
        migrations.AddIndex(
            model_name="linkemail",
            index=models.Index(
                condition=models.Q(("finished_at__isnull", False), ("forgotten_at__isnull", True)),
                fields=["unit", "finished_at"],
                name="link_email_kept_in_clear",
            ),
        ),
        migrations.AddConstraint(
            model_name="linkemail",
            constraint=models.UniqueConstraint(
                fields=("idempotency_key",), name="link_email_idempotency_key_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="linkemail",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("pause__isnull", True),
                        ("purpose__in", ("confirm", "consent", "notice")),
                        ("request__isnull", False),
                    ),
                    models.Q(
                        ("pause__isnull", False), ("purpose", "ask_back"), ("request__isnull", True)
                    ),
                    models.Q(
                        ("pause__isnull", True), ("purpose", "new_link"), ("request__isnull", True)
                    ),
                    _connector="OR",
                ),
                name="link_email_refers_to_what_it_is_for",
            ),
        ),
        migrations.AddConstraint(
            model_name="linkemail",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("subscriber_id__isnull", False),
                    models.Q(("subscriber_key", ""), _negated=True),
                    models.Q(("email_address", ""), _negated=True),
                    ("forgotten_at__isnull", False),
                    _connector="OR",
                ),
                name="link_email_names_a_subscriber",
            ),
        ),
        migrations.AddConstraint(
            model_name="linkemail",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("attempts__gt", 0),
                        ("lease__isnull", False),
                        ("lease_until__isnull", False),
                        ("status", "sending"),
                    ),
                    models.Q(
                        models.Q(("status", "sending"), _negated=True),
                        ("lease__isnull", True),
                        ("lease_until__isnull", True),
                    ),
                    _connector="OR",
                ),
                name="link_email_sending_has_a_lease",
            ),
        ),
        migrations.AddConstraint(
            model_name="linkemail",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("finished_at__isnull", False),
                        ("status__in", ("done", "refused", "cancelled")),
                    ),
                    models.Q(("finished_at__isnull", True), ("status__in", ("pending", "sending"))),
                    _connector="OR",
                ),
                name="link_email_ended_has_finished_at",
            ),
        ),
        migrations.AddConstraint(
            model_name="linkemail",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("status", "done"), _negated=True),
                    models.Q(models.Q(("outcome", ""), _negated=True), ("attempts__gt", 0)),
                    _connector="OR",
                ),
                name="link_email_done_has_an_outcome",
            ),
        ),
        migrations.AddIndex(
            model_name="deliveryattempt",
            index=models.Index(
                condition=models.Q(("late_at__isnull", False)),
                fields=["late_at"],
                name="attempt_late",
            ),
        ),
        migrations.AddConstraint(
            model_name="deliveryattempt",
            constraint=models.UniqueConstraint(
                fields=("request", "number"), name="attempt_number_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="deliveryattempt",
            constraint=models.UniqueConstraint(
                condition=models.Q(("link_email__isnull", False)),
                fields=("link_email", "number"),
                name="attempt_of_email_number_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="deliveryattempt",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("link_email__isnull", True), ("request__isnull", False)),
                    models.Q(("link_email__isnull", False), ("request__isnull", True)),
                    _connector="OR",
                ),
                name="attempt_is_of_a_request_or_an_email",
            ),
        ),
        migrations.AddConstraint(
            model_name="topic",
            constraint=models.UniqueConstraint(fields=("unit", "code"), name="topic_once_per_unit"),
        ),
        migrations.AddConstraint(
            model_name="topictext",
            constraint=models.UniqueConstraint(
                fields=("topic", "language"), name="topic_text_once_per_language"
            ),
        ),
        migrations.AddIndex(
            model_name="unsubscribeimport",
            index=models.Index(fields=["unit", "content_digest"], name="import_same_file"),
        ),
        migrations.AddConstraint(
            model_name="importpart",
            constraint=models.UniqueConstraint(fields=("of", "number"), name="import_part_once"),
        ),
        migrations.AddConstraint(
            model_name="webhookattempt",
            constraint=models.UniqueConstraint(
                fields=("delivery", "number"), name="webhook_attempt_once"
            ),
        ),
        migrations.AddIndex(
            model_name="webhookevent",
            index=models.Index(fields=["occurred_at"], name="webhook_event_occurred"),
        ),
        migrations.AddIndex(
            model_name="webhookevent",
            index=models.Index(
                condition=models.Q(("sealed_subscribers", ""), _negated=True),
                fields=["occurred_at"],
                name="webhook_event_sealed",
            ),
        ),
        migrations.AddIndex(
            model_name="webhookdelivery",
            index=models.Index(
                condition=models.Q(("state", "pending")),
                fields=["endpoint", "next_attempt_at"],
                name="webhook_delivery_due",
            ),
        ),
        migrations.AddIndex(
            model_name="webhookdelivery",
            index=models.Index(
                condition=models.Q(("state", "sending")),
                fields=["lease_until"],
                name="webhook_delivery_leased",
            ),
        ),
        migrations.AddIndex(
            model_name="webhookdelivery",
            index=models.Index(
                condition=models.Q(("state", "failed")),
                fields=["endpoint", "finished_at"],
                name="webhook_delivery_failed",
            ),
        ),
        migrations.AddIndex(
            model_name="webhookdelivery",
            index=models.Index(fields=["endpoint", "id"], name="webhook_delivery_newest"),
        ),
        migrations.AddConstraint(
            model_name="webhookdelivery",
            constraint=models.UniqueConstraint(
                fields=("event", "endpoint"), name="webhook_delivery_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="webhookdelivery",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("lease__isnull", False), ("state", "sending")),
                    models.Q(
                        models.Q(("state", "sending"), _negated=True), ("lease__isnull", True)
                    ),
                    _connector="OR",
                ),
                name="webhook_delivery_sending_has_a_lease",
            ),
        ),
        migrations.AddConstraint(
            model_name="weeklydigest",
            constraint=models.UniqueConstraint(fields=("unit", "week"), name="weekly_digest_once"),
        ),
    ]
