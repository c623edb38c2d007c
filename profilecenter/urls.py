"""All URLs of the deployment."""

from django.contrib import admin
from django.urls import include, path

from unsub.api.application import api
from unsub.web.preview import preview

urlpatterns = [
    # Before the admin, which handles every URL below its own.
    path("admin/preview/<int:mid>/", preview, name="preview"),
    path("admin/account/", include("unsub.accounts.urls")),
    path("admin/", admin.site.urls),
    path("api/v1/", api.urls),
    path("", include("unsub.urls")),
]

handler400 = "unsub.web.errors.bad_request"
handler403 = "unsub.web.errors.forbidden"
handler404 = "unsub.web.errors.not_found"
handler500 = "unsub.web.errors.server_error"
