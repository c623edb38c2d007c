"""URLs of the app. They work with and without a trailing slash, without a redirect: a redirect
would lose a POST."""

from django.urls import path, re_path

from .web.centre.confirm import confirm
from .web.centre.details import details
from .web.centre.lists import centre
from .web.centre.my_data import erase, receipt, yours, yours_json
from .web.centre.new_link import new_link
from .web.centre.pauses import pause
from .web.confirmation import done, reason, undo
from .web.health import healthz, readyz
from .web.logo import logo
from .web.lost_link import lost_link
from .web.metrics import metrics
from .web.unsubscribe import unsubscribe

app_name = "unsub"

urlpatterns = [
    re_path(r"^u/(?P<token>[^/]+)/?\Z", unsubscribe, name="unsubscribe"),
    re_path(r"^u/(?P<token>[^/]+)/done/?\Z", done, name="done"),
    re_path(r"^u/(?P<token>[^/]+)/undo/?\Z", undo, name="undo"),
    re_path(r"^u/(?P<token>[^/]+)/reason/?\Z", reason, name="reason"),
    re_path(r"^p/(?P<token>[^/]+)/?\Z", centre, name="centre"),
    re_path(r"^p/(?P<token>[^/]+)/details/?\Z", details, name="details"),
    re_path(r"^p/(?P<token>[^/]+)/pause/?\Z", pause, name="pause"),
    re_path(r"^p/(?P<token>[^/]+)/yours/?\Z", yours, name="yours"),
    re_path(r"^p/(?P<token>[^/]+)/yours\.json\Z", yours_json, name="yours_json"),
    re_path(r"^p/(?P<token>[^/]+)/yours/CR-[0-9A-Z-]{1,30}/?\Z", receipt),
    re_path(r"^p/(?P<token>[^/]+)/erase/?\Z", erase, name="erase"),
    re_path(r"^p/(?P<token>[^/]+)/new-link/?\Z", new_link, name="new_link"),
    re_path(r"^c/(?P<token>[^/]+)/?\Z", confirm, name="confirm"),
    re_path(r"^lost-link/?\Z", lost_link, name="lost_link"),
    re_path(r"^brand/(?P<digest>[0-9a-f]{32})\.webp\Z", logo, name="logo"),
    # Links that came with more around them: whatever stands before and behind the token.
    re_path(r"^[\s/]*u/+(?P<token>(?s:.+))\Z", unsubscribe),
    re_path(r"^[\s/]*p/+(?P<token>(?s:.+))\Z", centre),
    path("healthz", healthz, name="healthz"),
    path("readyz", readyz, name="readyz"),
    path("metrics", metrics, name="metrics"),
]
