"""A stand-in for Marketing Cloud: token endpoint, WSDL, SOAP, its own memory, faults on cue.

It knows no Django and nothing of the rest of the project, so that what the two agree on is the
vendor's contract and not a shared mistake.
"""

from .sandbox import Sandbox, serve_forever

__all__ = ["Sandbox", "serve_forever"]
