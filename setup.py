"""Packages of twsip; its fast path is compiled when TWSIP_COMPILE=1: mypyc and Cython make C of the very same Python.

Nothing but speed depends on it.  `twistd twsip --version` says which one runs.
"""

import os
import re
import sys
from pathlib import Path

from setuptools import Extension, find_packages, setup

sys.path.insert(0, str(Path(__file__).parent / "native"))
from backend import COMPILERS, NEEDED

HERE = Path(__file__).parent
# Whoever only asks about the package, or packs its sources, has no compilers yet and need not wait for them.
COMPILE = os.environ.get("TWSIP_COMPILE") == "1" and not {"egg_info", "dist_info", "sdist"} & set(sys.argv)
# The drivers of SQLAccounts; SQLite comes with Python.
POSTGRESQL = ["psycopg[binary]>=3.2"]
MYSQL = ["PyMySQL>=1.2"]
TEST = ["coverage>=7.4", "hypothesis>=6.100", "pip", "pytest>=8", "setuptools>=77", *POSTGRESQL, *MYSQL]
STYLE = ["mypy>=1.13", "mypy-zope>=1.0.9", "ruff>=0.8"]

# By mypyc, from the source in its place.
ROOMS = ("sip", "guard", "checks", "engine", "handlers")
FILES = (
    "api/answer.py",
    "api/context.py",
    "api/facts.py",
    "api/verdict.py",
    "ops/counters.py",
    "ops/ears.py",
    "ops/log.py",
    "stores/packed.py",
    "transport/names.py",
    "transport/udpflow.py",
)
# By Cython; these have a plain Python twin that runs where they were not compiled.
NATIVE = {"twsip.sip._scan": "native/scan.py"}
if sys.platform == "linux":
    NATIVE["twsip.transport._mmsg"] = "native/mmsg.py"


def version():
    """Read, not imported: twsip's own dependencies may not be there yet."""
    found = re.search(r'^__version__ = "([^"]+)"', (HERE / "twsip" / "__init__.py").read_text(), re.MULTILINE)
    return found.group(1)


def extensions():
    """What is compiled; nothing when not asked for."""
    if not COMPILE:
        return []
    from Cython.Build import cythonize
    from mypyc.build import mypycify

    paths = [path for room in ROOMS for path in (HERE / "twsip" / room).rglob("*.py")]
    files = sorted(str(path.relative_to(HERE)) for path in [*paths, *(HERE / "twsip" / name for name in FILES)])
    native = [Extension(name, [source]) for name, source in NATIVE.items()]
    compiled = mypycify(files)
    for extension in compiled:
        # A C compiler that is newer than mypyc may warn of what is no mistake.
        extension.extra_compile_args = [flag for flag in extension.extra_compile_args if flag != "-Werror"]
    return [*compiled, *cythonize(native, build_dir="build", include_path=["native"], quiet=True)]


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
    install_requires=NEEDED,
    extras_require={
        "postgresql": POSTGRESQL,
        "mysql": MYSQL,
        "test": TEST,
        "dev": [*TEST, *STYLE, "tox>=4"],
        "compile": COMPILERS,
    },
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
