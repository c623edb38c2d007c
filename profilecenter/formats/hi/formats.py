"""Times of 24 hours."""

TIME_FORMAT = "H:i"
