"""Tests of unsub.web, on a database and a broker."""
