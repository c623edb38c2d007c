"""One module for each kind of SOAP message that delivery sends.

Imports delivery's batch, outbox, gateway, models, links and domain.
"""
