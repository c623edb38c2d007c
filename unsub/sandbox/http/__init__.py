"""The sandbox's HTTP server: token endpoint, SOAP endpoint, its own pages.

Imports operations, soap and world.
"""
