"""Sign-in to the admin: password and second factor, passkey, or single sign-on.

django-allauth does the work (docs/adr/0011); these modules have this project's rules for it.
"""
