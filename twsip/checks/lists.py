"""Reading what the tac file says where addresses are asked for: texts, sets, or a file of them."""

from collections.abc import Iterable
from os import PathLike, fspath
from pathlib import Path

from ..api import ConfigError
from ..guard.nets import Nets

NetsLike = Nets | str | PathLike[str] | Iterable[str]
MOST_BYTES = 16 * 1024 * 1024


def is_path(value: object) -> bool:
    """Whether the value names a file: a Path, or a text that begins with `/`, `./` or `../`."""
    return isinstance(value, PathLike) or (isinstance(value, str) and value.startswith(("/", "./", "../")))


def lines_of(text: str) -> list[str]:
    """The entries of a list, one a line, without blank lines and comments.

    A line that begins with `#` is a comment, and so is the rest of a line after `#` if no quote stands in it.  An
    opened `{` reaches to the line that ends with `}`.
    """
    found: list[str] = []
    opened = False
    for raw in text.splitlines():
        line = raw.strip()
        if line.startswith("#"):
            continue
        if '"' not in line:
            line = line.partition("#")[0].strip()
        if not line:
            continue
        if opened:
            found[-1] += " " + line
        else:
            found.append(line)
        opened = "{" in found[-1] and not line.endswith("}")
    return found


def read_file(path: str | PathLike[str]) -> str:
    """The text of a file of at most 16 MiB; ConfigError if it cannot be read."""
    try:
        text = Path(path).read_bytes()[: MOST_BYTES + 1].decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"the list {fspath(path)} cannot be read: {error}; give a file that the server may read"
        ) from error
    if len(text) > MOST_BYTES:
        raise ConfigError(f"the list {fspath(path)} is over {MOST_BYTES} bytes; split it")
    return text


def read_nets(what: NetsLike, whose: str) -> Nets:
    """The set of addresses that was meant; ConfigError names the option `whose` and the culprit."""
    if isinstance(what, Nets):
        return what
    try:
        if isinstance(what, str | PathLike):
            return Nets(*lines_of(read_file(what) if is_path(what) else fspath(what)))
        return Nets(*what)
    except ValueError as error:
        raise ConfigError(f"{whose}: {error}") from error
    except (TypeError, AttributeError) as error:
        raise ConfigError(f"{whose}: {what!r} is no list of addresses; write them as text") from error
