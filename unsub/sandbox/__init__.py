"""A local sandbox for Marketing Cloud: token endpoint, WSDL, SOAP API, state, fault injection.

Independent of Django and of the rest of this project: both sides implement the vendor's contract
separately, so that they cannot share a mistake.
"""

from .operations.rights import SCOPES
from .sandbox import Sandbox, serve_forever

__all__ = ["SCOPES", "Sandbox", "serve_forever"]
