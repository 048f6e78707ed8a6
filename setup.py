"""Packages of twsip; when TWSIP_COMPILE=1 mypyc compiles the cellar (twsip.sip, twsip.guard) and Cython what is in native/."""

import os
import re
import sys
from pathlib import Path

from setuptools import Extension, find_packages, setup

HERE = Path(__file__).parent
TEST = ["coverage>=7.4", "hypothesis>=6.100", "pip", "pytest>=8", "setuptools>=77"]
NATIVE = [("twsip.transport._mmsg", "native/mmsg.py")] if sys.platform == "linux" else []
STYLE = ["mypy>=1.13", "mypy-zope>=1.0.9", "ruff>=0.8"]


def version():
    """Read, not imported: twsip's own dependencies may not be there yet."""
    found = re.search(r'^__version__ = "([^"]+)"', (HERE / "twsip" / "__init__.py").read_text(), re.MULTILINE)
    return found.group(1)


def extensions():
    """The compiled cellar and the optional extensions; when not asked for, all is plain Python."""
    if os.environ.get("TWSIP_COMPILE") != "1":
        return []
    from Cython.Build import cythonize
    from mypyc.build import mypycify

    files = sorted(str(path.relative_to(HERE)) for room in ("sip", "guard") for path in (HERE / "twsip" / room).rglob("*.py"))
    native = [Extension(module, [source]) for module, source in NATIVE]
    return mypycify(["--strict", *files]) + cythonize(native, build_dir="build", include_path=["native"], quiet=True)


setup(
    name="twsip",
    version=version(),
    description="An event-driven SIP registrar and stateful proxy for which security is the point",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="MIT",
    license_files=["LICENSE"],
    author="the twsip developers",
    python_requires=">=3.11",
    # twisted.plugins is named by hand: it has no __init__.py, because it is Twisted's package and not ours.
    packages=[*find_packages(include=["twsip", "twsip.*"]), "twisted.plugins"],
    package_data={"twsip": ["py.typed", "transport/*.pyi"]},
    ext_modules=extensions(),
    install_requires=["Twisted[tls]>=24.11", "pyOpenSSL>=24.2", "service-identity>=24.1", "cryptography>=42"],
    extras_require={"test": TEST, "dev": [*TEST, *STYLE, "tox>=4"], "compile": ["mypy[mypyc]>=1.13", "Cython>=3.1"]},
    entry_points={"console_scripts": ["twsipctl = twsip.ops.ctl:main"]},
    classifiers=[
        "Development Status :: 3 - Alpha",
        "Framework :: Twisted",
        "Intended Audience :: System Administrators",
        "Intended Audience :: Telecommunications Industry",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Communications :: Internet Phone",
    ],
)
