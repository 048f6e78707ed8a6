"""The two ways to count what a path costs, and the names under which their figures may be compared.

Instructions (callgrind) depend on how the interpreter was built, calls (sys.setprofile) only on its minor version.
"""

import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha1
from pathlib import Path
from types import FunctionType

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from twsip.sip.parser import parse

BENCH = Path(__file__).resolve().parent
MARKS = BENCH / "budget_marks.c"
CALLGRIND = ["valgrind", "--tool=callgrind", "-q", "--instr-atstart=no", "--collect-atstart=no"]


@dataclass(frozen=True)
class Method:
    """One way to count: `key` names its records, `why_not` says why it cannot be used here ("" if it can)."""

    name: str
    key: str
    why_not: str
    measure: Callable[[], dict[str, float]]


def is_compiled() -> bool:
    """Whether the cellar that is measured was compiled by mypyc."""
    return not isinstance(parse, FunctionType)


def interpreter() -> str:
    """This build of Python in words: version, machine, compiler, and a sum over its flags, but no path and no date."""
    compiler = re.match(r"(\w+) ([\d.]+)", platform.python_compiler())
    arguments = re.findall(r"'([^']*)'", sysconfig.get_config_var("CONFIG_ARGS") or "")
    flags = (sysconfig.get_config_var("PY_CFLAGS") or "").split()
    optimised = [flag for flag in flags if flag.startswith("-O")][-1:]
    words = [
        f"{sys.implementation.name}-{platform.python_version()}",
        platform.machine(),
        "-".join(compiler.groups()).lower() if compiler else "unknown-compiler",
        *(word.lstrip("-") for word in optimised),
        *(["pgo"] if "--enable-optimizations" in arguments else []),
        *(["system"] if sys.base_prefix == "/usr" else []),
        "flags-" + sha1(" ".join([*flags, *(one for one in arguments if "/" not in one)]).encode()).hexdigest()[:6],
        "compiled" if is_compiled() else "interpreted",
    ]
    return " ".join(words)


def counted(command: Sequence[str], names: Sequence[str], **environment: str) -> dict[str, tuple[int, int]]:
    """Units and what was told of each path by `budget_run.py`; raises SystemExit when a path broke."""
    done = subprocess.run(
        [*command, *names],
        env={**os.environ, "PYTHONHASHSEED": "0", **environment},
        stdout=subprocess.PIPE,
        text=True,
    )
    if done.returncode:
        raise SystemExit(f"budget: the paths could not be measured ({' '.join(command[:2])} ended with {done.returncode})")
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    return {name: (int(units), int(told)) for name, units, told in rows}


def calls(names: Sequence[str] = ()) -> dict[str, float]:
    """Calls of Python and C functions a unit: the same each time."""
    found = counted([sys.executable, str(BENCH / "budget_run.py"), "calls"], names)
    return {name: round(calls / units, 2) for name, (units, calls) in found.items()}


def callgrind(names: Sequence[str] = ()) -> dict[str, float]:
    """Instructions a unit, those of C libraries included, those of the kernel not."""
    with tempfile.TemporaryDirectory(prefix="twsip-budget-") as folder:
        marks = f"{folder}/marks.so"
        subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-o", marks, str(MARKS)], check=True)
        command = [*CALLGRIND, f"--callgrind-out-file={folder}/%p", sys.executable, str(BENCH / "budget_run.py"), "callgrind"]
        found = counted(command, names, TWSIP_MARKS=marks)
        return {name: round(_total(Path(folder, str(pid))) / units) for name, (units, pid) in found.items()}


def _total(path: Path) -> int:
    """All instructions in one of callgrind's files."""
    total = re.search(r"^totals: (\d+)$", path.read_text(errors="replace"), re.MULTILINE)
    if total is None:
        raise SystemExit(f"budget: callgrind wrote no total into {path.name}")
    return int(total[1])


def _why_no_callgrind() -> str:
    for program, mend in (("valgrind", "apt install valgrind"), ("cc", "apt install gcc")):
        if shutil.which(program) is None:
            return f"{program} is not installed (Debian: {mend})"
    if subprocess.run(["cc", "-fsyntax-only", str(MARKS)], capture_output=True).returncode:
        return "valgrind/callgrind.h cannot be compiled"
    return ""


def methods() -> list[Method]:
    """Both, the better one first."""
    minor = f"{sys.implementation.name}-{sys.version_info.major}.{sys.version_info.minor}"
    return [
        Method("callgrind", f"callgrind {interpreter()}", _why_no_callgrind(), callgrind),
        Method("calls", f"calls {minor}", "compiled code tells nobody of its calls" if is_compiled() else "", calls),
    ]
