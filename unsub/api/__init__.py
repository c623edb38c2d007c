"""The REST API for other systems: submit requests, read what became of them, sign links
(docs/api.md, docs/adr/0037). It stands beside the pages and the admin, and submits as they do."""
