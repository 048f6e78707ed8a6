"""Which twsip runs: the one that mypyc compiled or the same sources as plain Python, and on what."""

import platform
from contextlib import suppress
from importlib import import_module

import twisted

from . import __version__
from .sip import parser

EXTENSIONS = ("twsip.sip._scan", "twsip.transport._mmsg")


def extensions() -> list[str]:
    """The short names of the extensions that are there and can be imported."""
    found = []
    for name in EXTENSIONS:
        with suppress(ImportError):
            import_module(name)
            found.append(name.rpartition("_")[2])
    return found


def kind() -> str:
    """compiled (mypyc; scan, mmsg), or plain Python, each with the extensions that run."""
    compiled = not str(parser.__file__).endswith((".py", ".pyc"))
    parts = [part for part in ("mypyc" if compiled else "", ", ".join(extensions())) if part]
    word = "compiled" if compiled else "plain Python"
    return f"{word} ({'; '.join(parts)})" if parts else word


def described() -> str:
    """One line for operators and reports."""
    return (
        f"twsip {__version__} {kind()}, Twisted {twisted.__version__}, "
        f"{platform.python_implementation()} {platform.python_version()}"
    )
