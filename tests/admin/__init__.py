"""Tests of unsub.admin, on a database and a broker."""
