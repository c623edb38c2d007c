"""The tables."""

import uuid

import django.core.validators
import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

import unsub.domain.call_method
import unsub.models.business_unit


class Migration(migrations.Migration):
    initial = True

    dependencies = [
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
            name="BusinessUnit",
            fields=[
                (
                    "mid",
                    models.BigIntegerField(
                        help_text="The business unit's member ID, from Setup in Marketing Cloud.",
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
                        help_text="The brand, as recipients know it.",
                        max_length=100,
                        verbose_name="name",
                    ),
                ),
                (
                    "language",
                    models.CharField(default="en", max_length=10, verbose_name="language"),
                ),
                (
                    "time_zone",
                    models.CharField(
                        db_default="UTC",
                        default="UTC",
                        help_text="Of the times and dates on your pages, such as Europe/Berlin.",
                        max_length=40,
                        validators=[unsub.models.business_unit.validate_time_zone],
                        verbose_name="time zone",
                    ),
                ),
                (
                    "contact_email",
                    models.EmailField(
                        blank=True,
                        help_text="Where a person whose link does not work can write to.",
                        max_length=254,
                        verbose_name="contact address",
                    ),
                ),
                (
                    "accent",
                    models.CharField(
                        blank=True,
                        help_text="Of the button, such as #1d4f91. White words must be readable on it.",
                        max_length=7,
                        validators=[unsub.models.business_unit.validate_colour],
                        verbose_name="colour",
                    ),
                ),
                (
                    "domain",
                    models.CharField(
                        blank=True,
                        help_text="A host name that leads here, such as mail.example.com: links made here use it, and a bad link opened there shows this brand.",
                        max_length=253,
                        validators=[unsub.models.business_unit.validate_domain],
                        verbose_name="own domain",
                    ),
                ),
                (
                    "reasons_asked",
                    models.CharField(
                        choices=[("below", "below the button"), ("after", "after the press only")],
                        db_default="below",
                        default="below",
                        help_text="Below the button of the unsubscribe page, or on the page after it. Where none was given below the button, the page after it asks once more.",
                        max_length=10,
                        verbose_name="reasons are asked",
                    ),
                ),
                (
                    "lost_link_form",
                    models.BooleanField(
                        default=False,
                        help_text="Where a link does not work, offer a form that takes an address. What is written there waits for you under Lost links; nobody is unsubscribed by it.",
                        verbose_name="form for a lost link",
                    ),
                ),
                (
                    "profile_centre",
                    models.BooleanField(
                        db_default=False,
                        default=False,
                        help_text="A page at /p/… on which people see their lists and what is known of them, and change it. The package needs the rights to read and write lists and subscribers.",
                        verbose_name="profile centre",
                    ),
                ),
                (
                    "profile_days",
                    models.PositiveSmallIntegerField(
                        db_default=90,
                        default=90,
                        help_text="An older link still unsubscribes, but does not show what somebody gets.",
                        validators=[django.core.validators.MinValueValidator(1)],
                        verbose_name="links open it for (days)",
                    ),
                ),
                (
                    "profile_details",
                    models.BooleanField(
                        db_default=True,
                        default=True,
                        help_text="Show the profile attributes that Marketing Cloud marks as viewable, and let people change those that it marks as editable, and HTML or text.",
                        verbose_name="details in the profile centre",
                    ),
                ),
                (
                    "unicode_attributes",
                    models.BooleanField(
                        db_default=False,
                        default=False,
                        help_text="Marketing Cloud documents characters 32 to 254 alone for attributes: without this, others are refused at the field. Switch it on where your account holds them.",
                        verbose_name="details in any alphabet",
                    ),
                ),
                (
                    "confirm_key",
                    models.CharField(
                        blank=True,
                        db_default="",
                        help_text="Customer key of a triggered send definition. With it, joining a list counts only once the person has confirmed it from that mail (double opt-in).",
                        max_length=36,
                        verbose_name="mail that confirms joining",
                    ),
                ),
                (
                    "confirm_address_key",
                    models.CharField(
                        blank=True,
                        db_default="",
                        help_text="Sent to the new address. Without it, people cannot change their address here.",
                        max_length=36,
                        verbose_name="mail that confirms a new address",
                    ),
                ),
                (
                    "address_notice_key",
                    models.CharField(
                        blank=True,
                        db_default="",
                        help_text="Sent to the address on file when somebody changes it in the profile centre: tells of the change or asks for consent, as chosen below. Without it, people cannot change their address here, unless the former address is not told.",
                        max_length=36,
                        verbose_name="mail to the former address",
                    ),
                ),
                (
                    "new_link_key",
                    models.CharField(
                        blank=True,
                        db_default="",
                        help_text="Offered to people whose link is too old for the profile centre, and to those who want to see or change their details.",
                        max_length=36,
                        verbose_name="mail with a new link",
                    ),
                ),
                (
                    "ask_back_key",
                    models.CharField(
                        blank=True,
                        db_default="",
                        help_text="Needed where people are asked whether they want to come back.",
                        max_length=36,
                        verbose_name="mail at the end of a pause",
                    ),
                ),
                (
                    "pause_offered",
                    models.BooleanField(
                        db_default=False,
                        default=False,
                        help_text="Let people stop a list, or everything, for 30, 60 or 90 days.",
                        verbose_name="pause",
                    ),
                ),
                (
                    "pause_end_action",
                    models.CharField(
                        choices=[
                            ("ask", "asked by mail whether they want to come back"),
                            ("put_back", "put back"),
                        ],
                        db_default="ask",
                        default="ask",
                        max_length=10,
                        verbose_name="after a pause people are",
                    ),
                ),
                (
                    "protects_details",
                    models.BooleanField(
                        db_default=True,
                        default=True,
                        help_text="A newsletter may be forwarded, and its links with it. So the profile centre hides the values of the details, and shows, changes and exports them for one hour after the person has opened a link that was sent to the address on file. Unsubscribing and lists need no such link. Needs the mail with a new link; without it the details stay hidden.",
                        verbose_name="details only after an email",
                    ),
                ),
                (
                    "address_guard",
                    models.CharField(
                        choices=[
                            ("told", "told, and can undo it"),
                            ("asked", "asked first"),
                            ("none", "not told"),
                        ],
                        db_default="told",
                        default="told",
                        help_text="The new address always has to confirm. Told: the former address gets an email with a link that restores it. Asked first: nothing changes until the former address agrees; people who have lost it cannot change it here.",
                        max_length=5,
                        verbose_name="when the address changes, the former one is",
                    ),
                ),
                (
                    "address_undo_days",
                    models.PositiveSmallIntegerField(
                        db_default=14,
                        default=14,
                        help_text="After it was undone, the address cannot be changed for as long without a link that was sent to the address on file.",
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
                        help_text="Emails with a new link wait for this long after a change of address, so that the owner of the former address can undo it first. 0: they do not wait.",
                        validators=[django.core.validators.MaxValueValidator(168)],
                        verbose_name="no new links to a changed address for (hours)",
                    ),
                ),
                (
                    "weekly_digest",
                    models.BooleanField(
                        default=False,
                        help_text="On Mondays, by e-mail to the people of this unit: numbers, reasons, words.",
                        verbose_name="weekly digest",
                    ),
                ),
                (
                    "subscriber_key_permission",
                    models.BooleanField(
                        default=True,
                        help_text="Where it is on, an e-mail address alone identifies nobody (error 404).",
                        verbose_name="SubscriberKey permission",
                    ),
                ),
                (
                    "all_subscribers_list_id",
                    models.BigIntegerField(
                        blank=True,
                        help_text="With it, an unsubscribe from everything is tracked against the job. Without it, Marketing Cloud unsubscribes the person but logs no event. The page knows the list without it, once it was read from Marketing Cloud.",
                        null=True,
                        validators=[django.core.validators.MinValueValidator(1)],
                        verbose_name="All Subscribers list ID",
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
                        help_text="As the Unsubscribe Settings of the business unit in Marketing Cloud say. The page tells people whether your other brands can still email them.",
                        max_length=10,
                        verbose_name="an unsubscribe from everything covers",
                    ),
                ),
                (
                    "token_by",
                    models.CharField(
                        choices=[
                            ("parent", "the deployment's token, which names the unit in each call"),
                            ("own", "a token of the unit's own"),
                        ],
                        db_default="parent",
                        default="parent",
                        help_text="Where Marketing Cloud refuses calls for this unit by the token of the package's own unit, get one by the unit's MID. The package must be available to the unit.",
                        max_length=10,
                        verbose_name="token",
                    ),
                ),
                (
                    "import_events",
                    models.BooleanField(
                        db_default=False,
                        default=False,
                        help_text="Four times an hour, read the unsubscribes that happened in Marketing Cloud without us (its own header and centre), so that the audit has them, too. The package needs the right to read tracking events and subscribers.",
                        verbose_name="take over unsubscribes from elsewhere",
                    ),
                ),
                (
                    "retention_days",
                    models.PositiveSmallIntegerField(
                        blank=True,
                        db_default=365,
                        default=365,
                        help_text="Counted from the end of a request. Then SubscriberID, SubscriberKey, address and new values are removed from it. The proof stays, and a search for the whole address or key still finds it. Empty: they are kept.",
                        null=True,
                        validators=[django.core.validators.MinValueValidator(1)],
                        verbose_name="keep people in clear for (days)",
                    ),
                ),
                (
                    "members",
                    models.ManyToManyField(
                        blank=True,
                        help_text="Who sees this unit. Operators and administrators see every unit.",
                        related_name="units",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="people",
                    ),
                ),
            ],
            options={
                "verbose_name": "business unit",
                "verbose_name_plural": "business units",
                "ordering": ("mid",),
                "permissions": (("all_units", "Can see every business unit"),),
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
                            ("late", "requests are late"),
                            ("refused", "requests were refused"),
                            ("given_up", "requests were given up"),
                            ("held", "a queue is held"),
                            ("circuit_open", "a circuit is open"),
                            ("restored", "changes are held after a restore"),
                            ("unknown_unit", "requests for an unknown business unit"),
                            ("bad_claim", "links with a claim that cannot be used"),
                            ("test_links", "many test links"),
                            ("spooled", "requests wait in the spool"),
                            ("dead_letter", "spooled requests could not be stored"),
                            ("late_call", "calls were made after their lease"),
                            ("internal_error", "requests cannot be processed"),
                            ("not_sealed", "the audit is not sealed"),
                            ("unsubscribe_spike", "far more unsubscribes than usual"),
                            ("database", "the database takes no writes"),
                            ("broker", "the broker takes no writes"),
                            ("beat", "beat is silent"),
                            ("worker", "the workers are silent"),
                            ("sweep", "no sweep is completed"),
                            ("watch", "no look for alarms is completed"),
                        ],
                        max_length=20,
                        verbose_name="cause",
                    ),
                ),
                ("mid", models.BigIntegerField(verbose_name="MID")),
                ("number", models.PositiveIntegerField(default=0, verbose_name="requests")),
                ("detail", models.CharField(blank=True, max_length=100, verbose_name="detail")),
                (
                    "raised_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), verbose_name="raised"
                    ),
                ),
                (
                    "notified_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="notified"),
                ),
                (
                    "cleared_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="over since"),
                ),
            ],
            options={
                "verbose_name": "alarm",
                "verbose_name_plural": "alarms",
                "ordering": ("-pk",),
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("cleared_at", None)),
                        fields=("cause", "mid"),
                        name="alarm_open_once",
                    )
                ],
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
                    models.DateTimeField(blank=True, null=True, verbose_name="taken over up to"),
                ),
                (
                    "error",
                    models.CharField(
                        blank=True,
                        db_default="",
                        max_length=100,
                        verbose_name="why nothing is taken over",
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
                            ("state", "state"),
                            ("channel", "channel"),
                            ("job", "job"),
                            ("list", "list"),
                            ("reason", "reason"),
                            ("kind", "kind"),
                        ],
                        max_length=10,
                        verbose_name="by",
                    ),
                ),
                ("key", models.CharField(blank=True, max_length=20, verbose_name="value")),
                ("number", models.PositiveIntegerField(verbose_name="requests")),
            ],
            options={
                "verbose_name": "daily count",
                "verbose_name_plural": "daily counts",
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
                "verbose_name": "erased identifier",
                "verbose_name_plural": "erased identifiers",
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
                        blank=True, editable=False, null=True, verbose_name="granted"
                    ),
                ),
                (
                    "declined_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="answered otherwise"),
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
                        verbose_name="by",
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
                "verbose_name": "request for erasure",
                "verbose_name_plural": "requests for erasure",
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
                ("email_address", models.EmailField(max_length=254, verbose_name="e-mail address")),
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
                        blank=True, editable=False, null=True, verbose_name="dealt with"
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
                        verbose_name="by",
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
                "verbose_name": "lost link",
                "verbose_name_plural": "lost links",
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
                        help_text="As recipients know it, such as Weekly offers.",
                        max_length=100,
                        verbose_name="name",
                    ),
                ),
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
                "ordering": ("unit", "name"),
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
                            ("triggered_send", "triggered_send"),
                        ],
                        max_length=20,
                        verbose_name="message",
                    ),
                ),
                (
                    "held_since",
                    models.DateTimeField(blank=True, null=True, verbose_name="held since"),
                ),
                (
                    "held_reason",
                    models.CharField(
                        blank=True, db_default="", max_length=100, verbose_name="why it is held"
                    ),
                ),
                (
                    "paused_until",
                    models.DateTimeField(blank=True, null=True, verbose_name="paused until"),
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
                            ("intro", "above the button"),
                            ("question", "the question for the reason"),
                            ("done", "after the unsubscribe"),
                            ("consent", "what people agree to when they join a list"),
                            ("footer", "at the foot of every page"),
                        ],
                        max_length=10,
                        verbose_name="place",
                    ),
                ),
                ("text", models.CharField(max_length=400, verbose_name="text")),
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
                "verbose_name_plural": "texts",
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
                ("asks_text", models.BooleanField(default=False, verbose_name="asks for words")),
                (
                    "is_abuse",
                    models.BooleanField(
                        db_default=False,
                        default=False,
                        help_text="Whoever gives it did not ask for these emails. The overview counts these requests.",
                        verbose_name="says abuse",
                    ),
                ),
                ("position", models.PositiveSmallIntegerField(default=0, verbose_name="position")),
                ("active", models.BooleanField(default=True, verbose_name="offered")),
                (
                    "unit",
                    models.ForeignKey(
                        blank=True,
                        help_text="Empty: offered by every unit that has no reasons of its own.",
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
                "verbose_name": "label in another language",
                "verbose_name_plural": "labels in other languages",
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
                        verbose_name="by",
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
                        verbose_name="no longer kept in clear since",
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
                ("give_up_at", models.DateTimeField(verbose_name="given up after")),
                (
                    "lease_until",
                    models.DateTimeField(blank=True, null=True, verbose_name="leased until"),
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
                            ("profile", "profile centre"),
                            ("import", "import"),
                        ],
                        max_length=10,
                        verbose_name="channel",
                    ),
                ),
                (
                    "reason_text",
                    models.CharField(
                        blank=True,
                        help_text="Empty: none given.",
                        max_length=100,
                        verbose_name="reason as sent",
                    ),
                ),
                (
                    "link_age",
                    models.PositiveIntegerField(
                        blank=True, null=True, verbose_name="age of the link in seconds"
                    ),
                ),
                (
                    "scanner",
                    models.CharField(
                        blank=True, db_default="", max_length=20, verbose_name="known scanner"
                    ),
                ),
                (
                    "reason_added_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="reason given later"),
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
                            ("resubscribe", "subscribe again"),
                            ("attribute", "change a detail"),
                            ("format", "HTML or text"),
                            ("address", "change the address"),
                        ],
                        db_default="unsubscribe",
                        default="unsubscribe",
                        max_length=12,
                        verbose_name="kind",
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
                        ],
                        max_length=10,
                        verbose_name="about",
                    ),
                ),
                (
                    "target_id",
                    models.BigIntegerField(
                        blank=True, null=True, verbose_name="about the list or job"
                    ),
                ),
                (
                    "target_name",
                    models.CharField(
                        blank=True,
                        db_default="",
                        max_length=150,
                        verbose_name="about the attribute",
                    ),
                ),
                ("value", models.TextField(blank=True, db_default="", verbose_name="new value")),
                (
                    "confirmed_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="confirmed by mail"),
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
                        verbose_name="agreed to",
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
                        verbose_name="superseded by",
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
                "verbose_name": "unsubscribe request",
                "verbose_name_plural": "unsubscribe requests",
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
                        db_default=django.db.models.functions.datetime.Now(), verbose_name="at"
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
                        verbose_name="by",
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
                "verbose_name": "dealt with",
                "verbose_name_plural": "dealt with",
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
                        db_default=django.db.models.functions.datetime.Now(), verbose_name="began"
                    ),
                ),
                ("until", models.DateTimeField(verbose_name="until")),
                (
                    "end_action",
                    models.CharField(
                        choices=[
                            ("ask", "asked by mail whether they want to come back"),
                            ("put_back", "put back"),
                        ],
                        max_length=10,
                        verbose_name="then they are",
                    ),
                ),
                ("ended_at", models.DateTimeField(blank=True, null=True, verbose_name="ended")),
                (
                    "result",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("asked", "asked back by mail"),
                            ("put_back", "put back"),
                            ("cancelled", "came back before its end"),
                            ("stayed", "stays away"),
                        ],
                        max_length=10,
                        verbose_name="how",
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
                        verbose_name="no longer kept in clear since",
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
                ("give_up_at", models.DateTimeField(verbose_name="given up after")),
                (
                    "lease_until",
                    models.DateTimeField(blank=True, null=True, verbose_name="leased until"),
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
                            ("confirm", "confirms a request"),
                            ("new_link", "a new link"),
                            ("ask_back", "the end of a pause"),
                            ("consent", "asks the former address to agree to a new one"),
                            ("notice", "tells the former address of a new one"),
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
                            ("cancelled", "cancelled"),
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
                ("number", models.PositiveIntegerField(verbose_name="number")),
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
                ("detail", models.CharField(blank=True, max_length=200, verbose_name="detail")),
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
                ("late_at", models.DateTimeField(blank=True, null=True, verbose_name="late reply")),
                (
                    "late_outcome",
                    models.CharField(
                        blank=True,
                        db_default="",
                        max_length=30,
                        verbose_name="outcome of the late reply",
                    ),
                ),
                (
                    "batch_size",
                    models.PositiveSmallIntegerField(
                        default=1, verbose_name="requests in the message"
                    ),
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
                "verbose_name": "weekly digest",
                "verbose_name_plural": "weekly digests",
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
            name="DarkLogo",
            fields=[
                ("image", models.BinaryField(verbose_name="picture")),
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
                "verbose_name": "logo for the dark scheme",
                "verbose_name_plural": "logos for the dark scheme",
                "indexes": [
                    models.Index(fields=["content_digest"], name="dark_logo_content_digest")
                ],
            },
        ),
        migrations.CreateModel(
            name="Logo",
            fields=[
                ("image", models.BinaryField(verbose_name="picture")),
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
                    models.DateTimeField(blank=True, null=True, verbose_name="held since"),
                ),
                (
                    "held_reason",
                    models.CharField(
                        blank=True, db_default="", max_length=100, verbose_name="why it is held"
                    ),
                ),
                (
                    "paused_until",
                    models.DateTimeField(blank=True, null=True, verbose_name="paused until"),
                ),
                (
                    "paused_reason",
                    models.CharField(
                        blank=True, db_default="", max_length=100, verbose_name="why it is paused"
                    ),
                ),
                ("unknowns_in_a_row", models.PositiveIntegerField(db_default=0, default=0)),
                (
                    "singly_until",
                    models.DateTimeField(
                        blank=True, null=True, verbose_name="sends one by one until"
                    ),
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
                condition=models.Q(("finished_at__isnull", False), ("forgotten_at__isnull", True)),
                fields=["unit", "finished_at"],
                name="request_kept_in_clear",
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
                        ("target_type", "attribute"),
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
            model_name="weeklydigest",
            constraint=models.UniqueConstraint(fields=("unit", "week"), name="weekly_digest_once"),
        ),
    ]
