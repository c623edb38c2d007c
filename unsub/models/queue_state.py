"""The state of a business unit's queue, and of single message types in it, as recorded by the
workers."""

from datetime import datetime

from django.db import models
from django.utils.translation import gettext_lazy as _

from .business_unit import BusinessUnit
from .kinds import MessageType


class QueueState(models.Model):
    """Whether one unit's queue sends, is paused or is held. A unit without such a row sends.

    A row of its own, because saving the unit's form writes every column of the unit: a hold that a
    worker recorded meanwhile would be undone. Workers lock this row and never the unit's.
    """

    # No constraint, as in SubscriberRequest: a worker must not wait for a user who edits or deletes
    # the unit.
    unit = models.OneToOneField(
        BusinessUnit,
        verbose_name=_("business unit"),
        on_delete=models.CASCADE,
        primary_key=True,
        db_constraint=False,
        db_column="mid",
        related_name="queue_state",
    )
    # Held: the configuration is wrong, so nothing is sent but a probe from time to time.
    held_since = models.DateTimeField(_("on hold since"), null=True, blank=True)
    held_reason = models.CharField(_("reason for hold"), max_length=100, blank=True, db_default="")
    # The circuit breaker: nothing is sent until then, and for most reasons a probe goes first.
    paused_until = models.DateTimeField(_("sending paused until"), null=True, blank=True)
    paused_reason = models.CharField(
        _("reason sending is paused"), max_length=100, blank=True, db_default=""
    )
    unknowns_in_a_row = models.PositiveIntegerField(default=0, db_default=0)
    singly_until = models.DateTimeField(_("no batches until"), null=True, blank=True)

    class Meta:
        verbose_name = _("state of a queue")
        verbose_name_plural = _("states of queues")
        constraints = (
            models.CheckConstraint(
                condition=models.Q(held_since__isnull=True)
                | models.Q(paused_until__isnull=False, paused_reason="held"),
                name="queue_held_has_a_next_probe",
            ),
        )

    def __str__(self) -> str:
        return f"queue of {self.unit_id}"

    @property
    def is_held(self) -> bool:
        """Whether the queue is held."""
        return self.held_since is not None

    def is_paused(self, now: datetime) -> bool:
        """Return whether the queue is paused at `now`."""
        return self.paused_until is not None and self.paused_until > now


class MessageTypeState(models.Model):
    """Trouble with one message type of a unit. There is a row only while there is trouble.

    A missing right, or calls that get no reply, stop the changes or the emails of a unit alone;
    its unsubscribes go on. What stops unsubscribes is in QueueState, and the row of their type says
    that only an unsubscribe can end it.
    """

    unit = models.ForeignKey(
        BusinessUnit,
        verbose_name=_("business unit"),
        on_delete=models.CASCADE,
        db_constraint=False,
        db_column="mid",
        related_name="message_type_states",
    )
    message_type = models.CharField(
        _("message"), max_length=20, choices=[(one.value, one.value) for one in MessageType]
    )
    held_since = models.DateTimeField(_("on hold since"), null=True, blank=True)
    held_reason = models.CharField(_("reason for hold"), max_length=100, blank=True, db_default="")
    # Nothing of this type is claimed until then; after it, one row as a probe.
    paused_until = models.DateTimeField(_("sending paused until"), null=True, blank=True)
    unknowns_in_a_row = models.PositiveIntegerField(default=0, db_default=0)
    # Refusals in a row that name nobody: what was said, and the ids of the rows.
    refusal = models.CharField(max_length=250, blank=True, db_default="")
    refused_rows = models.JSONField(default=list, blank=True)

    class Meta:
        verbose_name = _("state of a message type")
        verbose_name_plural = _("states of message types")
        constraints = (
            models.UniqueConstraint(
                fields=("unit", "message_type"), name="message_type_state_once"
            ),
        )

    def __str__(self) -> str:
        return f"{self.message_type} of {self.unit_id}"

    @property
    def is_held(self) -> bool:
        """Whether messages of this type are held."""
        return self.held_since is not None


def queue_of(unit: BusinessUnit) -> QueueState:
    """Return the state of a unit's queue; an open one, not saved, where none is recorded. Makes a
    query where the unit was read without `select_related("queue_state")`."""
    found: QueueState | None = getattr(unit, "queue_state", None)
    return found or QueueState(unit=unit, held_reason="", paused_reason="")
