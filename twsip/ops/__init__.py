"""The room that listens: logs, counters, the operator's socket and readiness.  Nothing listens to it."""

from .admin import Admin, Failed
from .counters import Counters
from .ears import Ears
from .log import Log
from .methods import Methods
from .ready import systemd

__all__ = ["Admin", "Counters", "Ears", "Failed", "Log", "Methods", "systemd"]
