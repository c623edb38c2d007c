"""Views for recipients, mailbox providers (one-click POST) and monitoring."""
