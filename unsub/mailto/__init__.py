"""Unsubscribes by email: the receiver behind the mailto address of List-Unsubscribe
(docs/adr/0041)."""
