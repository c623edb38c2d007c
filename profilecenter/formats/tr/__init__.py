"""Turkish: days without a leading zero."""
