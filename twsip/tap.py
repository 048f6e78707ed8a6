"""The two doors of twistd: `twistd twsip --site X` reads the tac file that `twistd -y X` would run.

The tac file is the only description of a site; what is wrong with it is told in one sentence, without a traceback.
"""

import ast
import inspect
import sys
from itertools import islice
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

from twisted.application import app
from twisted.application.service import IService, MultiService, loadApplication
from twisted.persisted import sob
from twisted.python import usage

from .api import ConfigError
from .build import described

USUAL_PLACES = ("etc/twsip.tac", "/etc/twsip/twsip.tac")


class Options(usage.Options):
    """The options of `twistd twsip`."""

    synopsis = "[options]"
    optParameters = [["site", "s", "", f"the tac file (otherwise {' or '.join(USUAL_PLACES)}, whichever is there)"]]
    optFlags = [
        ["checks", None, "list the checks there are, ours and those of plugins, and stop"],
        ["order", None, "show what the site's tac file makes run, numbered, and stop"],
    ]

    def opt_version(self) -> None:
        """Say which twsip this is, compiled or plain, and stop."""
        print(described())
        raise SystemExit(0)

    def postOptions(self) -> None:
        """Answer --checks and --order; they start nothing."""
        try:
            if self["checks"]:
                from .plugins import listed

                print("\n".join(listed()))
                raise SystemExit(0)
            if self["order"]:
                for service in _services(path_of(self)):
                    print("\n".join(service.order()))
                raise SystemExit(0)
        except ConfigError as error:
            raise SystemExit(f"twsip: {error}") from None


def makeService(options: Options) -> MultiService:
    """All services of the tac file's application, moved under twistd's own."""
    try:
        services = _services(path_of(options))
    except ConfigError as error:
        raise SystemExit(f"twsip: {error}") from None
    together = MultiService()
    for service in services:
        service.disownServiceParent()
        service.setServiceParent(together)
    return together


def path_of(options: Options) -> str:
    """The tac file: what --site says, or the first of the usual places where there is one."""
    if options["site"]:
        return str(options["site"])
    for place in USUAL_PLACES:
        try:
            with open(place, "rb"):
                return place
        except OSError:
            continue
    return USUAL_PLACES[-1]


def _services(path: str) -> list[Any]:
    services: list[Any] = list(IService(load(path)))  # type: ignore[call-overload]
    if not services:
        raise ConfigError(f"{path}: its application holds no site; end it with: application = site.application()")
    return services


def load(path: str) -> Any:
    """The tac file's `application`; raises ConfigError, one sentence with file, line, culprit and mend."""
    try:
        return loadApplication(path, "python")
    except ConfigError as error:
        raise ConfigError(f"{_place(path, error)}{error}") from error
    except SyntaxError as error:
        raise ConfigError(f"{error.filename or path}, line {error.lineno or 1}: {error.msg}; mend that line") from error
    # A tac file is the operator's own program: anything may come out of it, and all of it must end as one sentence.
    except Exception as error:
        raise ConfigError(_sentence(path, error)) from error


def _sentence(path: str, error: Exception) -> str:
    place = _place(path, error)
    if not place:
        if isinstance(error, FileNotFoundError):
            return f"there is no site file {path}; copy etc/twsip.tac there, or name yours with --site"
        if isinstance(error, OSError):
            return f"the site file {path} cannot be read: {error.strerror}; mend its owner or mode"
        if isinstance(error, KeyError):
            return f"{path} makes no application; end it with: application = site.application()"
        return f"{path}: {error}; it must be a Python file"
    said = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, TypeError):
        return f"{place}{_wrong_call(path, error, said)}"
    return f"{place}{type(error).__name__}: {said}; mend that line"


def _place(path: str, error: BaseException) -> str:
    """The last line of the tac file that had a part in it, as "path, line 7: "; "" when none had."""
    line, trace = 0, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == path:
            line = trace.tb_lineno
        trace = trace.tb_next
    return f"{path}, line {line}: " if line else ""


def _wrong_call(path: str, error: BaseException, said: str) -> str:
    """For a call that was given a wrong option: which one, and which ones there are; the same words from a compiled class."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename != path:
        trace = trace.tb_next
    # Only what is not called at all fails in the tac file itself.
    call = _call_at(path, trace) if trace is not None and trace.tb_next is None else None
    if trace is None or call is None or not isinstance(call.func, ast.Name):
        return f"{said}; mend that line"
    word = call.func.id
    called = trace.tb_frame.f_globals.get(word)
    if not callable(called):
        return f"{said}; mend that line"
    parameters = inspect.signature(called).parameters.values()
    names = [one.name for one in parameters if one.kind is not one.VAR_POSITIONAL]
    if not any(one.kind is one.VAR_KEYWORD for one in parameters):
        for given in call.keywords:
            if given.arg is not None and given.arg not in names:
                return f"{word} has no option '{given.arg}'; the options of {word} are: {', '.join(names) or 'none'}"
    said = said.replace(f"{word}.__init__()", word).replace("__init__()", word)
    return f"{said}; the options of {word} are: {', '.join(names) or 'none'}"


def _call_at(path: str, trace: TracebackType) -> ast.Call | None:
    """The call in the tac file that this entry of a traceback stands at."""
    where = next(islice(trace.tb_frame.f_code.co_positions(), trace.tb_lasti // 2, None))
    for node in ast.walk(ast.parse(Path(path).read_bytes())):
        if isinstance(node, ast.Call):
            if (node.lineno, node.end_lineno, node.col_offset, node.end_col_offset) == where:
                return node
    return None


def rehearse() -> None:
    """Read the tac file once before `twistd -y` does, so that a mistake in it ends as one sentence.

    twistd prints a traceback for whatever a tac file raises, and a tac file has no say in that.  So when the file's first
    import of us is under way, it is tried out from here: if that fails the process stops with the sentence, else what
    it made is thrown away and twistd goes on reading.  (Nothing is opened or bound before the site starts.)
    """
    frame: FrameType | None = inspect.currentframe()
    path = ""
    while frame is not None:
        if frame.f_code is sob.loadValueFromFile.__code__:
            path = path or str(frame.f_locals["filename"])
        elif frame.f_code is load.__code__:
            return
        elif frame.f_code is app.getApplication.__code__ and path:
            break
        frame = frame.f_back
    if frame is None:
        return
    try:
        load(path)
    except ConfigError as error:
        raise SystemExit(f"twsip: {error}") from None


def stop_with_a_sentence() -> None:
    """For a failure while the site starts: twistd lets it end the process, and then only its sentence is shown.

    twistd has taken over standard error for its log by then; the sentence goes to the real one.
    """
    before = sys.excepthook

    def hook(kind: type[BaseException], error: BaseException, trace: Any) -> None:
        if isinstance(error, ConfigError):
            if sys.__stderr__ is not None:
                print(f"twsip: {error}", file=sys.__stderr__)
            return
        before(kind, error, trace)

    sys.excepthook = hook
