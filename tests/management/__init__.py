"""Tests of unsub.management, on a database and a broker."""
