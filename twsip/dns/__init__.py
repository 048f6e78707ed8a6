"""From names to addresses: DNS as RFC 3263 wants it, or a fixed table."""

from .fixed import FixedResolver
from .resolver import Resolver

__all__ = ["FixedResolver", "Resolver"]
