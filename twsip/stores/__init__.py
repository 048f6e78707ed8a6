"""Stores: where bindings and subscribers are kept.  `stores.SQLite(path)` and `stores.Memory()` are the tac file's words."""

from .memory import MemoryBindings
from .sql import SQLiteBindings
from .subscribers import Subscribers

Memory = MemoryBindings
SQLite = SQLiteBindings

__all__ = ["Memory", "MemoryBindings", "SQLite", "SQLiteBindings", "Subscribers"]
