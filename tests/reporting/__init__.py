"""Tests of unsub.reporting, on a database and a broker."""
