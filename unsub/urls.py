"""The addresses of the app. With or without a trailing slash, and never a redirect between."""

from django.urls import path, re_path

from . import views

app_name = "unsub"

urlpatterns = [
    re_path(r"^u/(?P<token>[^/]+)/?\Z", views.unsubscribe, name="unsubscribe"),
    re_path(r"^u/(?P<token>[^/]+)/done/?\Z", views.done, name="done"),
    re_path(r"^u/(?P<token>[^/]+)/undo/?\Z", views.undo, name="undo"),
    path("healthz", views.healthz, name="healthz"),
    path("readyz", views.readyz, name="readyz"),
    path("metrics", views.metrics, name="metrics"),
]
