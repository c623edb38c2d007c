"""Admin for marketers and operators: requests and attempts are read-only, units and reasons can be
edited."""

from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from .alarms import AlarmAdmin
from .api_keys import ApiKeyAdmin
from .attempts import DeliveryAttemptAdmin
from .audit_exports import ExportPlanAdmin, ExportRunAdmin
from .consent_texts import ConsentTextAdmin
from .erasures import ErasureAdmin
from .imports import UnsubscribeImportAdmin
from .invitations import InvitationAdmin
from .link_emails import LinkEmailAdmin
from .lost_links import LostLinkAdmin
from .pauses import PauseAdmin
from .reasons import ReasonAdmin
from .requests import SubscriberRequestAdmin
from .restore_holds import RestoreHoldAdmin
from .sends import SendAdmin
from .topics import TopicAdmin
from .units import BusinessUnitAdmin
from .users import GroupAdmin, UserAdmin
from .webhook_deliveries import WebhookDeliveryAdmin
from .webhooks import WebhookEndpointAdmin

__all__ = [
    "AlarmAdmin",
    "ApiKeyAdmin",
    "BusinessUnitAdmin",
    "ConsentTextAdmin",
    "DeliveryAttemptAdmin",
    "ErasureAdmin",
    "ExportPlanAdmin",
    "ExportRunAdmin",
    "GroupAdmin",
    "InvitationAdmin",
    "LinkEmailAdmin",
    "LostLinkAdmin",
    "PauseAdmin",
    "ReasonAdmin",
    "RestoreHoldAdmin",
    "SendAdmin",
    "SubscriberRequestAdmin",
    "TopicAdmin",
    "UnsubscribeImportAdmin",
    "UserAdmin",
    "WebhookDeliveryAdmin",
    "WebhookEndpointAdmin",
]

admin.site.index_title = _("Overview")
# Django's own login form would bypass unsub/accounts and its second factor.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]
