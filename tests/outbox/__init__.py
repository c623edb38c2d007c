"""Tests of unsub.outbox, on a database and a broker."""
