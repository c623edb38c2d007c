"""Tests of unsub.models, on a database and a broker."""
