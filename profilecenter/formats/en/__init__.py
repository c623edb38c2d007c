"""English, which the admin speaks."""
