"""Days in words, day first; times of an audit: to the second, and with their zone."""

DATE_FORMAT = "j F Y"
DATETIME_FORMAT = "Y-m-d H:i:s e"
