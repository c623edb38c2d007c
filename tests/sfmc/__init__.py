"""Contract tests of the Marketing Cloud client."""
