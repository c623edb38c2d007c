"""As Django has it, without a leading zero."""

DATE_FORMAT = "j F Y"
