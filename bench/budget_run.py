"""Runs paths, each in a child of its own that begins where the others did, and counts: what `budget_methods` starts.

`python bench/budget_run.py calls|callgrind PATH...` prints a line for each: the path, its units, and the calls that were counted or
(callgrind) the process whose file has the count.  Exit 1 when a path did something else than it should.
"""

import gc
import os
import sys
import traceback
from collections.abc import Callable, Iterable
from ctypes import CDLL
from types import FrameType

UNITS = 64
"""Units that are counted, after as many that are not: by then the tables are filled and the interpreter has specialised."""
Count = Callable[[Callable[[], object]], int]


def count_calls(work: Callable[[], object]) -> int:
    """The calls of Python and of C functions within this work."""
    calls = 0

    def seen(frame: FrameType, event: str, argument: object) -> None:
        nonlocal calls
        if event == "call" or event == "c_call":
            calls += 1

    sys.setprofile(seen)
    try:
        work()
    finally:
        sys.setprofile(None)
    # Putting an end to it was a call too.
    return calls - 1


def under_callgrind(marks: CDLL) -> Count:
    """Lets callgrind collect within the work; what it counted is in its file."""

    def count(work: Callable[[], object]) -> int:
        marks.toggle()
        try:
            work()
        finally:
            marks.toggle()
        return os.getpid()

    marks.begin()
    return count


def measured(path: Callable[[range], Iterable[Callable[[], object]]], count: Count) -> list[int]:
    """What was counted for each piece of work of `UNITS` units, the interpreter being warm."""
    for work in path(range(UNITS)):
        work()
    return [count(work) for work in path(range(UNITS, 2 * UNITS))]


def in_child(job: Callable[[], int]) -> int:
    """What this job returns in a child, which ends with it; raises when it failed there."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        status = 1
        try:
            os.write(writing, b"%d" % job())
            status = 0
        except Exception:
            traceback.print_exc()
        finally:
            # Nothing of the parent's is flushed, closed or removed here.
            os._exit(status)
    os.close(writing)
    with open(reading, "rb") as pipe:
        told = pipe.read()
    if os.waitpid(child, 0)[1] or not told:
        raise RuntimeError("the path broke")
    return int(told)


def main() -> None:
    """The lines."""
    # Not sooner: what is above can be had without a site.
    from budget_paths import PATHS

    method, *names = sys.argv[1:]
    gc.collect()
    gc.freeze()
    # Its rounds come when they like.
    gc.disable()

    def job(name: str) -> int:
        if method == "calls":
            return sum(measured(PATHS[name](), count_calls))
        marks = CDLL(os.environ["TWSIP_MARKS"])
        return measured(PATHS[name](), under_callgrind(marks))[0]

    for name in names or PATHS:
        try:
            print(name, UNITS, in_child(lambda name=name: job(name)), sep="\t", flush=True)  # type: ignore[misc]
        except RuntimeError as error:
            raise SystemExit(f"{name}: {error}") from None


if __name__ == "__main__":
    main()
