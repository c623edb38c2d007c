"""Tests of unsub.alerting, on a database and a broker."""
