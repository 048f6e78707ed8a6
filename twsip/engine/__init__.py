"""The engine: runs the cellar's machines, asks the checks and handlers, and alone sends (house floor: rooms)."""

from .dispatch import Engine
from .pipeline import name_of

__all__ = ["Engine", "name_of"]
