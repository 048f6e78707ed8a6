"""The checks of the house: one question a file, asked at one of three checkpoints, in the tac file's order."""

from .asserted import AssertedIdentity
from .blacklist import Blacklist
from .digest import Digest
from .identity import OwnIdentity
from .indialog import InDialog
from .private import NoPrivate
from .relay import NoOpenRelay
from .sanity import Sanity
from .sources import Sources
from .trusted import Trusted

__all__ = [
    "AssertedIdentity",
    "Blacklist",
    "Digest",
    "InDialog",
    "NoOpenRelay",
    "NoPrivate",
    "OwnIdentity",
    "Sanity",
    "Sources",
    "Trusted",
]
