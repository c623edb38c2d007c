"""Webhooks: events are recorded in the transaction of the change, and posted to endpoints by
threads of their own, apart from the deliveries to Marketing Cloud (docs/webhooks.md)."""
