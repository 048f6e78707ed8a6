"""`twsipctl`: asks a running twsip over its Unix socket; the verbs are kamctl's, the methods Kamailio's RPC names."""

import argparse
import getpass
import json
import os
import socket
import sys
import time
from collections.abc import Sequence
from typing import Any, Final

from . import keyfile
from .admin import Failed

PLACES: Final = ("var/control.sock", "/run/twsip/control.sock")
PATIENCE: Final = 30.0
SEALING: Final = {
    "seal": "seal the secrets of all subscribers (docs/sealing.md)",
    "unseal": "the other way",
    "rotate": "seal with the newest key what an older one sealed",
}


class Refused(Exception):
    """It did not work; the text is one sentence."""


def ask(path: str, method: str, params: list[Any] | dict[str, Any]) -> Any:
    """The result of one method; raises Refused with what the server said, or why it could not be reached."""
    request = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode() + b"\n"
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
            server.settimeout(PATIENCE)
            server.connect(path)
            server.sendall(request)
            with server.makefile("rb") as answers:
                line = answers.readline()
    except (FileNotFoundError, ConnectionRefusedError):
        raise Refused(
            f"no twsip listens on {path}: start the server, or name the socket of its tac file with --socket"
        ) from None
    except PermissionError:
        raise Refused(f"you may not open {path}: run this as the server's user or group") from None
    except OSError as error:
        raise Refused(f"the server does not answer on {path}: {error}") from None
    try:
        answer = json.loads(line)
    except ValueError:
        raise Refused(f"what listens on {path} does not speak JSON-RPC; name twsip's socket with --socket") from None
    if "error" in answer:
        raise Refused(str(answer["error"].get("message", answer["error"])))
    return answer.get("result")


def where(given: str) -> str:
    """The socket's path: --socket, $TWSIP_SOCKET, the checkout's var/, or the service's."""
    if given:
        return given
    if os.environ.get("TWSIP_SOCKET"):
        return os.environ["TWSIP_SOCKET"]
    return next((place for place in PLACES if os.path.exists(place)), PLACES[-1])


def person(text: str) -> list[str]:
    """alice@example.org, or sip:alice@example.org, as [user, domain]; the domain is "" when none was given."""
    user, _, domain = text.removeprefix("sip:").partition("@")
    if not user:
        raise Refused(f"'{text}' names nobody: write user@domain")
    return [user, domain]


def new_password(from_stdin: bool) -> str:
    """Ask for a password twice without showing it, or read one line."""
    if from_stdin:
        password = sys.stdin.readline().rstrip("\r\n")
    else:
        password = getpass.getpass("Password: ")
        if getpass.getpass("Once more: ") != password:
            raise Refused("the two passwords differ; nothing was changed")
    if not password:
        raise Refused("an empty password lets anybody in; nothing was changed")
    return password


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(prog="twsipctl", description="Ask a running twsip, or change its subscribers.")
    parser.add_argument("--socket", default="", help="the server's control socket (or $TWSIP_SOCKET)")
    parser.add_argument("--json", action="store_true", help="print the answer as JSON")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    subscriber = verbs.add_parser("subscriber", help="add, list, rm, passwd, seal, unseal, rotate").add_subparsers(dest="deed", required=True)
    _people(subscriber, "")
    subscriber.add_parser("list", help="who may register")
    for deed, about in SEALING.items():
        subscriber.add_parser(deed, help=about)
    _people(verbs, "the same as 'subscriber ...': ")
    shown = verbs.add_parser("show", help="one subscriber")
    shown.add_argument("who")
    logins = verbs.add_parser("auth", help="remembered logins: flush user@domain").add_subparsers(dest="deed", required=True)
    logins.add_parser("flush", help="forget those of one account").add_argument("who", metavar="user@domain")
    keys = verbs.add_parser("key", help="key files for sealing: new, add, show").add_subparsers(dest="deed", required=True)
    for deed, about in (("new", "make one"), ("add", "one more key, which seals from then on"), ("show", "the keys' names")):
        keys.add_parser(deed, help=about).add_argument("file")
    location = verbs.add_parser("ul", help="registrations: show [AOR], rm AOR").add_subparsers(dest="deed", required=True)
    one = location.add_parser("show", help="who is registered, and where")
    one.add_argument("aor", nargs="?")
    gone = location.add_parser("rm", help="forget all bindings of an address-of-record")
    gone.add_argument("aor")
    for verb, about in (
        ("stats", "counters"),
        ("uptime", "since when it runs"),
        ("order", "which checks run, in order"),
        ("sockets", "where it listens"),
    ):
        verbs.add_parser(verb, help=about)
    rpc = verbs.add_parser("rpc", help="any method by its name: rpc core.version")
    rpc.add_argument("method")
    rpc.add_argument("params", nargs="*")
    return parser


def _people(verbs: Any, prefix: str) -> None:
    for deed, about in (("add", "a new subscriber"), ("passwd", "a new password"), ("rm", "remove a subscriber")):
        parser = verbs.add_parser(deed, help=prefix + about)
        parser.add_argument("who", metavar="user@domain")
        if deed != "rm":
            parser.add_argument("--password-stdin", action="store_true", help="read it from standard input")


def carry_out(options: argparse.Namespace) -> Any:
    """Ask what the command line wants to know."""
    path = where(options.socket)
    verb, deed = options.verb, getattr(options, "deed", "")
    if verb == "key":
        return {"new": keyfile.make, "add": keyfile.add, "show": keyfile.show}[deed](options.file)
    if verb == "auth":
        return ask(path, "auth.flush", person(options.who))
    if verb == "subscriber":
        verb, deed = deed, ""
    if verb in SEALING:
        return seal_all(path, verb)
    if verb in ("add", "passwd"):
        who = person(options.who)
        return ask(path, f"subscriber.{verb}", [*who, new_password(options.password_stdin)])
    if verb == "rm":
        return ask(path, "subscriber.rm", person(options.who))
    if verb == "list":
        return ask(path, "subscriber.list", [])
    if verb == "show":
        user, domain = person(options.who)
        people = ask(path, "subscriber.list", [])
        return [one for one in people if one["username"] == user and domain in ("", one["domain"])]
    if verb == "ul" and deed == "rm":
        return ask(path, "ul.rm", [options.aor])
    if verb == "ul":
        return ask(path, "ul.lookup", [options.aor]) if options.aor else ask(path, "ul.dump", [])
    if verb == "rpc":
        return ask(path, options.method, options.params)
    names = {"stats": "stats.get_statistics", "uptime": "core.uptime", "order": "core.order", "sockets": "core.sockets_list"}
    return ask(path, names[verb], [])


def seal_all(path: str, deed: str) -> dict[str, Any]:
    """Seal, unseal or rotate batch by batch, each of which the server finishes whatever becomes of us; what was done in all.

    Raises Refused when subscribers are left that do not open.
    """
    total: dict[str, Any] = {"subscribers": 0, "changed": 0, "unsealed": 0, "broken": 0}
    who: list[str] = []
    done: dict[str, Any] = {"done": False}
    while not done["done"]:
        done = ask(path, f"subscriber.{deed}", [done["after"]] if "after" in done else [])
        for name in total:
            total[name] += done[name]
        who += done["who"]
    if total["broken"]:
        some = ", ".join(who[:5]) + (" and others" if total["broken"] > 5 else "")
        raise Refused(
            f"{total['changed']} of {total['subscribers']} were changed, but {total['broken']} cannot be opened ({some}): "
            "put their key back into the key file, or set new passwords"
        )
    return {**total, "key": done["key"]}


def printable(text: str) -> str:
    """The text with control characters escaped: a User-Agent must not drive the operator's terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "backslashreplace").decode() for c in text)


def told(answer: Any, now: float) -> list[str]:
    """The answer as lines for people."""
    if isinstance(answer, dict) and "aors" in answer:
        lines = [line for one in answer["aors"] for line in told(one, now)]
        if answer.get("total", 0) > len(answer["aors"]):
            lines.append(f"and {answer['total'] - len(answer['aors'])} more")
        return lines or ["nobody is registered"]
    if isinstance(answer, dict) and "contacts" in answer:
        lines = [printable(answer["aor"])]
        for contact in answer["contacts"]:
            left = max(0, round(contact["expires"] - now))
            lines.append(printable(f"  {contact['contact']}  expires in {left} s  q={contact['q']}  {contact['user_agent']}"))
        return lines
    if isinstance(answer, dict):
        return [printable(f"{name}: {value}") for name, value in answer.items()]
    if isinstance(answer, list):
        return [line for item in answer for line in (_person(item) if isinstance(item, dict) else [printable(str(item))])]
    return [printable(str(answer))]


def _person(item: dict[str, Any]) -> list[str]:
    if "username" in item:
        return [printable(f"{item['username']}@{item['domain']}")]
    return [printable(" ".join(f"{name}={value}" for name, value in item.items()))]


def main(argv: Sequence[str] | None = None) -> int:
    """The console script: 0 done, 1 not done (one sentence on standard error), 2 a wrong command line."""
    options = arguments().parse_args(argv)
    try:
        answer = carry_out(options)
    except (Refused, Failed) as refused:
        print(f"twsipctl: {printable(str(refused))}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    if options.json:
        print(json.dumps(answer, indent=2))
    else:
        print("\n".join(told(answer, time.time())))
    return 0


if __name__ == "__main__":
    sys.exit(main())
