"""URLs of the app. They work with and without a trailing slash, without a redirect: a redirect
would lose a POST."""

from django.urls import path, re_path

from . import web

app_name = "unsub"

urlpatterns = [
    re_path(r"^u/(?P<token>[^/]+)/?\Z", web.unsubscribe, name="unsubscribe"),
    re_path(r"^u/(?P<token>[^/]+)/done/?\Z", web.done, name="done"),
    re_path(r"^u/(?P<token>[^/]+)/undo/?\Z", web.undo, name="undo"),
    re_path(r"^u/(?P<token>[^/]+)/reason/?\Z", web.reason, name="reason"),
    re_path(r"^p/(?P<token>[^/]+)/?\Z", web.centre, name="centre"),
    re_path(r"^p/(?P<token>[^/]+)/details/?\Z", web.details, name="details"),
    re_path(r"^p/(?P<token>[^/]+)/pause/?\Z", web.pause, name="pause"),
    re_path(r"^p/(?P<token>[^/]+)/yours/?\Z", web.yours, name="yours"),
    re_path(r"^p/(?P<token>[^/]+)/yours\.json\Z", web.yours_json, name="yours_json"),
    re_path(r"^p/(?P<token>[^/]+)/erase/?\Z", web.erase, name="erase"),
    re_path(r"^p/(?P<token>[^/]+)/new-link/?\Z", web.new_link, name="new_link"),
    re_path(r"^c/(?P<token>[^/]+)/?\Z", web.confirm, name="confirm"),
    re_path(r"^lost-link/?\Z", web.lost_link, name="lost_link"),
    re_path(r"^brand/(?P<digest>[0-9a-f]{32})\.webp\Z", web.logo, name="logo"),
    path("healthz", web.healthz, name="healthz"),
    path("readyz", web.readyz, name="readyz"),
    path("metrics", web.metrics, name="metrics"),
]
