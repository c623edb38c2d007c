"""Emails to the mailto address of List-Unsubscribe."""
