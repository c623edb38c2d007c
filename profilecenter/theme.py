"""Settings of django-unfold: the look of the admin, and its side bar."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _


def _may(permission: str) -> Callable[[HttpRequest], bool]:
    """Return a callback: whether the user has the permission to see a page."""

    def check(request: HttpRequest) -> bool:
        return request.user.has_perm(permission)

    return check


# Pages whose URL is below another entry's, and which have an entry of their own.
_OWN = ("/scanners/", "/links/", "/spool/")
_RECEIPTS = "/receipts/"


def _link(title: Any, icon: str, page: str, permission: str) -> dict[str, Any]:
    """Return an entry of the side bar, shown to users with `permission`."""
    link = reverse_lazy(f"admin:{page}")
    return {
        "title": title,
        "icon": icon,
        "link": link,
        "permission": _may(permission),
        "active": lambda request: _is_current(request.path, str(link)),
    }


def _is_current(path: str, link: str) -> bool:
    """Return whether a page belongs to an entry, and to no more specific one."""
    if _RECEIPTS in path or link.endswith(_RECEIPTS):
        return _RECEIPTS in path and link.endswith(_RECEIPTS)
    if path.endswith(_OWN) or link.endswith((*_OWN, "/admin/")):
        return path == link
    return path.startswith(link)


def _icon(_request: HttpRequest) -> str:
    """Return the URL of the icon."""
    return static("unsub/icon.svg")


def _style(_request: HttpRequest) -> str:
    """Return the URL of our style sheet."""
    return static("unsub/admin.css")


def _expressions(_request: HttpRequest) -> str:
    """Return the URL of the script that evaluates the theme's expressions without `eval`."""
    return static("unsub/expressions.js")


# The blue of the recipients' button. In the dark scheme 500 is the colour of links.
_BLUE = {
    "50": "#eef3fa", "100": "#dbe6f4", "200": "#b9cfe9", "300": "#a9c4e6", "400": "#86abdb",
    "500": "#6a97d0", "600": "#1d4f91", "700": "#163f75", "800": "#12335f", "900": "#0e284b",
    "950": "#081a33",
}  # fmt: skip

UNFOLD = {
    "SITE_TITLE": "Profile Center",
    "SITE_HEADER": "Profile Center",
    "SITE_SUBHEADER": _("Unsubscribes and preferences"),
    "SITE_SYMBOL": "unsubscribe",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": _icon}],
    "STYLES": [_style],
    "SCRIPTS": [_expressions],
    "SITE_URL": None,
    "SHOW_VIEW_ON_SITE": False,
    "ACCOUNT": {
        "navigation": [
            {"title": _("Your settings"), "link": reverse_lazy("account_own_settings")},
            {"title": _("Password"), "link": reverse_lazy("account_change_password")},
            {"title": _("Two-factor authentication"), "link": reverse_lazy("mfa_index")},
        ]
    },
    "ENVIRONMENT": "unsub.admin.environment.label",
    "DASHBOARD_CALLBACK": "unsub.admin.dashboard.fill",
    "COLORS": {"primary": _BLUE},
    "SIDEBAR": {
        "navigation": [
            {
                "title": _("Activity"),
                "items": [
                    _link(_("Overview"), "monitoring", "index", "unsub.view_subscriberrequest"),
                    _link(
                        _("Requests"), "outbox", "unsub_subscriberrequest_changelist",
                        "unsub.view_subscriberrequest",
                    ),
                    _link(_("Sends"), "campaign", "unsub_send_changelist", "unsub.view_send"),
                    _link(
                        _("Delivery attempts"), "send", "unsub_deliveryattempt_changelist",
                        "unsub.view_deliveryattempt",
                    ),
                    _link(
                        _("Webhook deliveries"), "webhook", "unsub_webhookdelivery_changelist",
                        "unsub.view_webhookdelivery",
                    ),
                    _link(
                        _("Emails with links"), "mail", "unsub_linkemail_changelist",
                        "unsub.view_linkemail",
                    ),
                    _link(
                        _("Pauses"), "pause_circle", "unsub_pause_changelist",
                        "unsub.view_pause",
                    ),
                    _link(
                        _("Consent receipts"), "receipt_long",
                        "unsub_subscriberrequest_receipts", "unsub.view_subscriberrequest",
                    ),
                    _link(
                        _("Imports"), "upload_file", "unsub_unsubscribeimport_changelist",
                        "unsub.view_unsubscribeimport",
                    ),
                    _link(
                        _("Suspected bots"), "smart_toy", "unsub_subscriberrequest_scanners",
                        "unsub.view_subscriberrequest",
                    ),
                ],
            },
            {
                "title": _("Needs attention"),
                "separator": True,
                "items": [
                    _link(
                        _("Manual requests"), "link_off", "unsub_lostlink_changelist",
                        "unsub.view_lostlink",
                    ),
                    _link(
                        _("Deletion requests"), "person_remove", "unsub_erasure_changelist",
                        "unsub.view_erasure",
                    ),
                    _link(
                        _("Alerts"), "notifications_active", "unsub_alarm_changelist",
                        "unsub.view_alarm",
                    ),
                    _link(_("Spool"), "inbox", "unsub_alarm_spool", "unsub.view_alarm"),
                    _link(
                        _("Holds after a restore"), "settings_backup_restore",
                        "unsub_restorehold_changelist", "unsub.view_restorehold",
                    ),
                ],
            },
            {
                "title": _("Setup"),
                "separator": True,
                "items": [
                    _link(
                        _("Business units"), "storefront", "unsub_businessunit_changelist",
                        "unsub.view_businessunit",
                    ),
                    _link(_("Topics"), "label", "unsub_topic_changelist", "unsub.view_topic"),
                    _link(_("Reasons"), "forum", "unsub_reason_changelist", "unsub.view_reason"),
                    _link(
                        _("Consent texts"), "handshake", "unsub_consenttext_changelist",
                        "unsub.view_consenttext",
                    ),
                    _link(
                        _("Scheduled exports"), "schedule_send", "unsub_exportplan_changelist",
                        "unsub.view_exportplan",
                    ),
                    _link(
                        _("Export files"), "folder_open", "unsub_exportrun_changelist",
                        "unsub.view_exportrun",
                    ),
                    _link(
                        _("Webhooks"), "webhook", "unsub_webhookendpoint_changelist",
                        "unsub.view_webhookendpoint",
                    ),
                    _link(
                        _("Links"), "link", "unsub_businessunit_links", "unsub.view_businessunit"
                    ),
                    _link(_("API keys"), "key", "unsub_apikey_changelist", "unsub.view_apikey"),
                ],
            },
            {
                "title": _("Team"),
                "separator": True,
                "items": [
                    _link(_("Users"), "person", "auth_user_changelist", "auth.view_user"),
                    _link(
                        _("Invitations"), "person_add", "unsub_invitation_changelist",
                        "unsub.view_invitation",
                    ),
                    _link(_("Roles"), "groups", "auth_group_changelist", "auth.view_group"),
                ],
            },
        ]
    },
}  # fmt: skip
