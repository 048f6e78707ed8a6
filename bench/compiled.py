"""A copy of a checkout with its cellar compiled by mypyc, kept in the system's temporary folder so that the next run is quick."""

import importlib.metadata
import os
import shutil
import subprocess
import sys
import tempfile
from hashlib import sha256
from pathlib import Path

KEPT = 6
WITHIN = 900.0
PARTS = ("twsip", "twisted", "native", "setup.py", "pyproject.toml", "README.md")
ASK = "import twsip.sip.parser as parser; print(parser.__file__)"


class CannotCompile(RuntimeError):
    """There is no compiled copy; one sentence why."""


def origin(tree: Path) -> Path:
    """The file that twsip.sip.parser is loaded from when this tree comes first on the path, asked in a process of its own."""
    run = subprocess.run(
        [sys.executable, "-c", ASK], capture_output=True, text=True, cwd="/", env=os.environ | {"PYTHONPATH": str(tree)}
    )
    if run.returncode:
        raise CannotCompile(f"twsip cannot be imported from {tree}: {(run.stderr.splitlines() or ['?'])[-1]}")
    return Path(run.stdout.strip())


def is_compiled(tree: Path) -> bool:
    """Whether this tree's parser is an extension module; CannotCompile if Python would take another twsip altogether."""
    found = origin(tree)
    if tree.resolve() not in found.resolve().parents:
        raise CannotCompile(f"Python takes twsip from {found}, not from {tree}")
    return found.suffix != ".py"


def sources(tree: Path) -> list[Path]:
    """Every file of the tree that the compiled copy depends on."""
    files = [path for part in ("twsip", "twisted", "native") for path in (tree / part).rglob("*.p*") if path.suffix != ".pyc"]
    return [*sorted(files), tree / "setup.py", tree / "pyproject.toml"]


def key(tree: Path) -> str:
    """The same for the same sources, interpreter and mypy."""
    try:
        compiler = importlib.metadata.version("mypy")
    except importlib.metadata.PackageNotFoundError:
        raise CannotCompile("mypy is not installed (pip install 'mypy[mypyc]')") from None
    digest = sha256(f"{sys.version}\n{sys.implementation.cache_tag}\n{sys.prefix}\n{compiler}\n".encode())
    for path in sources(tree):
        data = path.read_bytes()
        digest.update(f"{path.relative_to(tree)} {len(data)}\n".encode() + data)
    return digest.hexdigest()[:20]


def shelf() -> Path:
    """The folder where copies are kept; CannotCompile if somebody else could have put something there."""
    folder = Path(tempfile.gettempdir()) / f"twsip-compiled-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    about = folder.lstat()
    if about.st_uid != os.getuid() or about.st_mode & 0o022 or folder.is_symlink():
        raise CannotCompile(f"{folder} is not ours alone; remove it")
    return folder


def cached(tree: Path) -> Path | None:
    """The compiled copy of this tree if it is there already."""
    copy = shelf() / key(tree)
    return copy if copy.is_dir() else None


def compiled_copy(tree: Path) -> Path:
    """The compiled copy of this tree, made if it is not there yet.  Raises CannotCompile."""
    if not (shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")):
        raise CannotCompile("there is no C compiler (Debian: apt install gcc libc6-dev)")
    copy = cached(tree)
    if copy is None:
        copy = make(tree, shelf() / key(tree))
    if not is_compiled(copy):
        raise CannotCompile(f"the copy of {tree.name} was built, but its parser is not compiled")
    os.utime(copy)
    for old in sorted(shelf().iterdir(), key=lambda path: path.stat().st_mtime)[:-KEPT]:
        shutil.rmtree(old, ignore_errors=True)
    return copy


def make(tree: Path, copy: Path) -> Path:
    """Build beside the place and move it there, so that nobody ever sees half of it."""
    building = Path(tempfile.mkdtemp(prefix="building-", dir=copy.parent))
    try:
        leave = shutil.ignore_patterns("__pycache__", "*.so")
        for part in PARTS:
            if (tree / part).is_dir():
                shutil.copytree(tree / part, building / part, ignore=leave)
            elif (tree / part).exists():
                shutil.copy(tree / part, building / part)
        command = [sys.executable, "setup.py", "--quiet", "build_ext", "--inplace"]
        run = subprocess.run(
            command, cwd=building, env=os.environ | {"TWSIP_COMPILE": "1"}, capture_output=True, text=True, timeout=WITHIN
        )
        if run.returncode:
            raise CannotCompile("mypyc failed; its output ends:\n" + (run.stdout + run.stderr)[-1500:])
        shutil.rmtree(building / "build", ignore_errors=True)
        building.rename(copy)
    except subprocess.TimeoutExpired as error:
        raise CannotCompile(f"mypyc took more than {WITHIN:.0f} s") from error
    except OSError:
        if not copy.is_dir():  # else somebody was quicker with the same copy
            raise
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return copy
