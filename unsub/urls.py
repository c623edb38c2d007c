"""The addresses of the app. With or without a trailing slash, and never a redirect between."""

from django.urls import path, re_path

from . import views

app_name = "unsub"

urlpatterns = [
    re_path(r"^u/(?P<token>[^/]+)/?\Z", views.unsubscribe, name="unsubscribe"),
    re_path(r"^u/(?P<token>[^/]+)/done/?\Z", views.done, name="done"),
    re_path(r"^u/(?P<token>[^/]+)/undo/?\Z", views.undo, name="undo"),
    re_path(r"^u/(?P<token>[^/]+)/reason/?\Z", views.reason, name="reason"),
    re_path(r"^p/(?P<token>[^/]+)/?\Z", views.centre, name="centre"),
    re_path(r"^p/(?P<token>[^/]+)/details/?\Z", views.details, name="details"),
    re_path(r"^p/(?P<token>[^/]+)/pause/?\Z", views.pause, name="pause"),
    re_path(r"^p/(?P<token>[^/]+)/yours/?\Z", views.yours, name="yours"),
    re_path(r"^p/(?P<token>[^/]+)/yours\.json\Z", views.yours_json, name="yours_json"),
    re_path(r"^p/(?P<token>[^/]+)/erase/?\Z", views.erase, name="erase"),
    re_path(r"^p/(?P<token>[^/]+)/new-link/?\Z", views.new_link, name="new_link"),
    re_path(r"^c/(?P<token>[^/]+)/?\Z", views.confirm, name="confirm"),
    re_path(r"^lost-link/?\Z", views.lost_link, name="lost_link"),
    re_path(r"^brand/(?P<digest>[0-9a-f]{32})\.webp\Z", views.logo, name="logo"),
    path("healthz", views.healthz, name="healthz"),
    path("readyz", views.readyz, name="readyz"),
    path("metrics", views.metrics, name="metrics"),
]
