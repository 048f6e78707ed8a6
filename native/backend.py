"""How pip builds twsip (PEP 517): as setuptools does; with TWSIP_COMPILE=1 it is given the compilers too."""

import os

from setuptools import build_meta
from setuptools.build_meta import *  # noqa: F403

NEEDED = ["Twisted[tls]>=24.11", "pyOpenSSL>=24.2", "service-identity>=24.1", "cryptography>=42"]
COMPILERS = ["mypy[mypyc]>=1.13", "mypy-zope>=1.0.9", "Cython>=3.1"]


def more():
    """What a build needs besides setuptools.  mypyc makes C of types, so what twsip imports must be there for it to read."""
    return [*COMPILERS, *NEEDED] if os.environ.get("TWSIP_COMPILE") == "1" else []


def get_requires_for_build_wheel(config_settings=None):
    return [*build_meta.get_requires_for_build_wheel(config_settings), *more()]


def get_requires_for_build_editable(config_settings=None):
    return [*build_meta.get_requires_for_build_editable(config_settings), *more()]
