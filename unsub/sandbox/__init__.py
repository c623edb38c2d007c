"""A local sandbox for Marketing Cloud: token endpoint, WSDL, SOAP API, state, fault injection.

Independent of Django and of the rest of this project: both sides implement the vendor's contract
separately, so that they cannot share a mistake.
"""

from .sandbox import Sandbox, serve_forever

__all__ = ["Sandbox", "serve_forever"]
