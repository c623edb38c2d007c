"""Rules without I/O: outcomes, backoff, scanners and colours."""
