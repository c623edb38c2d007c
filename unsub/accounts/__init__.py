"""The door of the admin: password and second factor, passkey, or the company's own account.

django-allauth does the work (docs/adr/0011); here stands what this project decides about it.
"""
