"""Every address of the deployment."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("", include("unsub.urls")),
]

handler400 = "unsub.views.bad_request"
handler403 = "unsub.views.forbidden"
handler404 = "unsub.views.not_found"
handler500 = "unsub.views.server_error"
