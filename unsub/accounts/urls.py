"""URLs of django-allauth that are in use. There is none to sign up, or to change one's address."""

from allauth.account import views as account
from allauth.socialaccount import views as company
from django.urls import include, path, re_path
from django.views.generic import RedirectView

from . import views

urlpatterns = [
    path("login/", account.login, name="account_login"),
    path("logout/", account.logout, name="account_logout"),
    path("inactive/", account.account_inactive, name="account_inactive"),
    path("confirm/", account.reauthenticate, name="account_reauthenticate"),
    path("password/change/", account.password_change, name="account_change_password"),
    # Users with single sign-on get no password, so that closing the company's account ends their
    # access.
    path(
        "password/set/", RedirectView.as_view(pattern_name="mfa_index"), name="account_set_password"
    ),
    path("password/reset/", account.password_reset, name="account_reset_password"),
    path("password/reset/done/", account.password_reset_done, name="account_reset_password_done"),
    re_path(
        r"^password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
        account.password_reset_from_key,
        name="account_reset_password_from_key",
    ),
    path(
        "password/reset/key/done/",
        account.password_reset_from_key_done,
        name="account_reset_password_from_key_done",
    ),
    path("second-factor/", include("allauth.mfa.urls")),
    path("company/cancelled/", company.login_cancelled, name="socialaccount_login_cancelled"),
    path("company/error/", company.login_error, name="socialaccount_login_error"),
    path("company/", company.connections, name="socialaccount_connections"),
    path("invitation/<str:token>/", views.invitation, name="account_invitation"),
    path("settings/", views.own_settings, name="account_own_settings"),
    path("company/oidc/<str:provider_id>/login/", views.company_login, name="openid_connect_login"),
    path("company/", include("allauth.socialaccount.providers.openid_connect.urls")),
]
