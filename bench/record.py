"""What a run leaves behind: the machine it ran on, the commits it measured, and one JSON file."""

import json
import os
import platform
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

from servers import HERE, ROOT


def commit_of(tree: Path) -> str:
    """The commit of a checkout, "and changes" if its code differs from it; "none" outside of one."""

    def git(*words: str) -> str:
        run = subprocess.run(["git", "-C", str(tree), *words], capture_output=True, text=True)
        return run.stdout.strip() if run.returncode == 0 else ""

    commit = git("rev-parse", "--short=12", "HEAD") or "none"
    return commit + " and changes" if git("status", "--porcelain", "--", "twsip", "bench") else commit


def first_line(*command: str) -> str:
    """The first line that a program prints, "" if there is no such program."""
    if shutil.which(command[0]) is None:
        return ""
    return (subprocess.run(command, capture_output=True, text=True).stdout.splitlines() or [""])[0].strip()


def machine() -> dict[str, str]:
    """What it ran on, and what of us."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    kamailio = first_line("kamailio", "-v").removeprefix("version: kamailio ").partition(" ")[0]
    about = {
        "cpu": next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "?"),
        "cores": str(os.cpu_count()),
        "load": f"{os.getloadavg()[0]:.1f}",
        "kernel": platform.release(),
        "python": platform.python_implementation() + " " + platform.python_version(),
        "kamailio": kamailio,
        "commit": commit_of(ROOT),
        "when": time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime()),
    }
    return {name: value for name, value in about.items() if value}


def line_of(about: dict[str, str]) -> str:
    """The machine line."""
    return "; ".join(f"{name} {value}" for name, value in about.items())


def keep(record: dict[str, Any], name: str) -> Path:
    """Write the record; without a name under the time of day, which is not committed."""
    folder = HERE / "results"
    folder.mkdir(exist_ok=True)
    path = folder / f"{name or 'last-' + time.strftime('%Y%m%d-%H%M%S', time.gmtime())}.json"
    path.write_text(json.dumps(record, indent=1) + "\n")
    return path
