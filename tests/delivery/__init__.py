"""Tests of unsub.delivery, on a database and a broker."""
