"""Every address of the deployment."""

from django.contrib import admin
from django.urls import include, path

from unsub.views import preview

urlpatterns = [
    # Before the admin, which answers for all that stands below its own address.
    path("admin/preview/<int:mid>/", preview, name="preview"),
    path("admin/account/", include("unsub.sign_in.urls")),
    path("admin/", admin.site.urls),
    path("", include("unsub.urls")),
]

handler400 = "unsub.views.bad_request"
handler403 = "unsub.views.forbidden"
handler404 = "unsub.views.not_found"
handler500 = "unsub.views.server_error"
