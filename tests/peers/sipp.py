"""SIPp with our scenarios: phones that register, call and are called exactly as written."""

import re
from pathlib import Path

from .program import Program
from .scene import Scene

SCENARIOS = Path(__file__).with_name("scenarios")
PASSWORDS = {"alice": "wonderland", "bob": "builder", "carol": "carola"}
SECONDS = 15


def _start(
    scene: Scene, scenario: str, user: str, host: str, port: int, transport: str, more: list[str], password: str = ""
) -> Program:
    name = f"sipp-{scenario}-{user}-{port}"
    people = scene.folder / f"{name}.csv"
    secret = password or PASSWORDS.get(user, "none")
    people.write_text(f"SEQUENTIAL\n{user};[authentication username={user} password={secret}];\n")
    command = ["sipp", *more, "-sf", str(SCENARIOS / f"{scenario}.xml"), "-inf", str(people), "-m", "1", "-i", host]
    command += ["-p", str(port), "-t", "u1" if transport == "UDP" else "t1", "-nostdin", "-timeout", str(SECONDS)]
    command += ["-timeout_error", "-trace_err", "-error_file", f"{name}.errors", "-trace_msg", "-message_file"]
    return scene.start(name, [*command, f"{name}.messages"])


def _finish(scene: Scene, phone: Program) -> None:
    code = phone.ends(SECONDS + 10)
    if code:
        said = [path.read_text(errors="replace") for path in sorted(scene.folder.glob(f"{phone.name}.[em]*"))]
        raise AssertionError(f"{phone.name}: return code {code}\n" + "\n".join(text[-6000:] for text in said))


class Phone:
    """A user at one address and port, over one transport."""

    def __init__(
        self, scene: Scene, user: str, host: str, port: int, transport: str = "UDP", server: str = "127.0.0.1"
    ) -> None:
        self.scene = scene
        self.user = user
        self.host = host
        self.port = port
        self.transport = transport
        self.server = server
        self.running: Program | None = None

    def _start(self, scenario: str, *more: str, password: str = "") -> None:
        arguments = [f"{self.server}:5060", *more]
        start = (self.scene, scenario, self.user, self.host, self.port, self.transport, arguments, password)
        self.running = _start(*start)

    def register(self, q: str = "1.0", password: str = "", scenario: str = "register") -> None:
        """Register host and port as the user's contact, and be done."""
        more = ["-set", "domain", self.server, "-set", "q", q, "-auth_uri", self.server]
        self._start(scenario, *more, password=password)
        self.finishes()

    def waits(self, scenario: str = "callee", signs: str = "") -> None:
        """Begin to play the callee; returns when the port is open.  `signs` is the URI that its digests are made for."""
        more = ["-auth_uri", signs.removeprefix("sip:")] if signs else []
        self.running = _start(self.scene, scenario, self.user, self.host, self.port, self.transport, more)
        self.scene.bound(self.running, self.transport, self.host, self.port)

    def calls(self, uri: str, scenario: str = "caller") -> None:
        """Begin to play the caller."""
        more = ["-set", "domain", self.server, "-set", "callee", uri, "-auth_uri", uri.removeprefix("sip:")]
        self._start(scenario, *more)

    def finishes(self) -> None:
        """Wait for the end of the scenario, which must have gone as written."""
        assert self.running is not None
        _finish(self.scene, self.running)

    @property
    def messages(self) -> str:
        """All messages that it sent and received, as SIPp wrote them down."""
        assert self.running is not None
        return (self.scene.folder / f"{self.running.name}.messages").read_text(errors="replace")

    def moment_of(self, first_line: str) -> str:
        """When the first message that begins so was sent or received, as text that sorts by time."""
        found = re.search(r"-+ (\S+ \S+)\n[^\n]*\n\n" + re.escape(first_line), self.messages)
        assert found is not None, f"no message begins with {first_line!r}"
        return found.group(1)
