"""Detects what goes wrong with deliveries and notifies people of it.

Imports reporting, units, gateway, models, infra and domain.
"""
