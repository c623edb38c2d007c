"""Temporary: emails with links in a table of their own, which the groups may see."""

from typing import Any

import django.db.models.deletion
import django.db.models.functions.datetime
from django.apps import apps as now
from django.contrib.auth.management import create_permissions
from django.db import migrations, models


def extend_groups(apps: Any, _schema_editor: Any) -> None:
    """Let the groups see the emails."""
    create_permissions(now.get_app_config("unsub"), verbosity=0, apps=now)
    permission = apps.get_model("auth", "Permission").objects.get(
        codename="view_linkemail", content_type__app_label="unsub"
    )
    names = ("viewer", "marketer", "operator", "administrator")
    for group in apps.get_model("auth", "Group").objects.filter(name__in=names):
        group.permissions.add(permission)


class Migration(migrations.Migration):
    dependencies = [
        ("unsub", "0017_queue_state"),
    ]

    operations = [
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
                ("job_id", models.BigIntegerField(blank=True, null=True, verbose_name="JobID")),
                ("list_id", models.BigIntegerField(blank=True, null=True, verbose_name="ListID")),
                ("batch_id", models.BigIntegerField(blank=True, null=True, verbose_name="BatchID")),
                ("language", models.CharField(blank=True, max_length=35, verbose_name="language")),
                (
                    "person",
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
                ("outcome", models.CharField(blank=True, max_length=20, verbose_name="outcome")),
                (
                    "error_code",
                    models.IntegerField(blank=True, null=True, verbose_name="error code"),
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
                (
                    "idempotency_key",
                    models.CharField(editable=False, max_length=160, null=True, unique=True),
                ),
            ],
            options={
                "verbose_name": "email with a link",
                "verbose_name_plural": "emails with links",
                "ordering": ("-pk",),
            },
        ),
        migrations.RemoveConstraint(
            model_name="unsubrequest",
            name="request_has_a_target",
        ),
        migrations.AlterField(
            model_name="deliveryattempt",
            name="request",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="delivery_attempts",
                to="unsub.unsubrequest",
                verbose_name="request",
            ),
        ),
        migrations.AlterField(
            model_name="unsubrequest",
            name="kind",
            field=models.CharField(
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
        migrations.AlterField(
            model_name="unsubrequest",
            name="target_type",
            field=models.CharField(
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
        migrations.AddConstraint(
            model_name="unsubrequest",
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
        migrations.AddField(
            model_name="linkemail",
            name="pause",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="link_emails",
                to="unsub.pause",
                verbose_name="pause",
            ),
        ),
        migrations.AddField(
            model_name="linkemail",
            name="request",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="link_emails",
                to="unsub.unsubrequest",
                verbose_name="request to confirm",
            ),
        ),
        migrations.AddField(
            model_name="linkemail",
            name="unit",
            field=models.ForeignKey(
                db_column="mid",
                db_constraint=False,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="link_emails",
                to="unsub.businessunit",
                verbose_name="business unit",
            ),
        ),
        migrations.AddField(
            model_name="deliveryattempt",
            name="link_email",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="delivery_attempts",
                to="unsub.linkemail",
                verbose_name="email with a link",
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
            index=models.Index(fields=["person"], name="link_email_person"),
        ),
        migrations.AddConstraint(
            model_name="linkemail",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("pause__isnull", True), ("purpose", "confirm"), ("request__isnull", False)
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
                    _connector="OR",
                ),
                name="link_email_names_a_subscriber",
            ),
        ),
        migrations.AddConstraint(
            model_name="linkemail",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("lease_until__isnull", False), ("status", "sending")),
                    models.Q(
                        models.Q(("status", "sending"), _negated=True),
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
                    models.Q(
                        models.Q(("status__in", ("done", "refused", "cancelled")), _negated=True),
                        ("finished_at__isnull", True),
                    ),
                    _connector="OR",
                ),
                name="link_email_ended_has_finished_at",
            ),
        ),
        migrations.RunPython(extend_groups, migrations.RunPython.noop),
    ]
