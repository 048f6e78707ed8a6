"""Transaction users: given a request, each says what should happen, or that it is not theirs."""

from .options import Options
from .proxy import Proxy
from .registrar import Registrar

__all__ = ["Options", "Proxy", "Registrar"]
