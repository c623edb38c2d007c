"""Business units: opening their links, who may see them, the state of their queues.

Imports models, links, infra and domain.
"""
