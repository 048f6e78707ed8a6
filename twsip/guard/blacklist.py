"""Destination rules as OpenSER writes them: (protocol, address[/mask], port, "pattern"), `!` turns one round."""

import re
import warnings
from fnmatch import translate
from typing import Final, final

from .nets import Nets

PROTOCOLS: Final = ("any", "udp", "tcp", "tls", "sctp", "ws", "wss")
FLAGS: Final = ("expire", "default", "readonly")
MOST_TEXT: Final = 16384
MOST_PATTERN: Final = 256
MOST_RULES: Final = 10000
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}\Z")


@final
class Rule:
    """One rule: it hits when all four parts agree, or with `inverted` when they do not."""

    __slots__ = ("_search", "inverted", "nets", "pattern", "port", "protocol")

    def __init__(self, protocol: str, nets: Nets, port: int, pattern: str, inverted: bool) -> None:
        self.protocol = "" if protocol == "any" else protocol.upper()
        self.nets = nets
        self.port = port
        self.pattern = pattern
        self.inverted = inverted
        self._search: re.Pattern[bytes] | None = compile_pattern(pattern) if pattern else None

    def hits(self, transport: str, host: str, port: int, text: bytes) -> bool:
        """Whether a packet to this destination is refused; `text` is the outgoing request.

        A text over 16,384 bytes is not searched: the pattern then counts as found, and so does its absence.
        """
        agrees = (
            (not self.port or self.port == port)
            and (not self.protocol or self.protocol == transport)
            and self.nets.leads_to(host)
        )
        if agrees and self._search is not None:
            if len(text) > MOST_TEXT:
                return True
            agrees = self._search.search(text) is not None
        return agrees != self.inverted

    def __repr__(self) -> str:
        mark = "!" if self.inverted else ""
        return f'{mark}({self.protocol.lower() or "any"}, {self.nets.text}, {self.port}, "{self.pattern}")'


@final
class Rules:
    """A list of rules under one name; it refuses a destination when any of them hits."""

    __slots__ = ("flags", "name", "needs_text", "rules")

    def __init__(self, name: str, rules: tuple[Rule, ...], flags: tuple[str, ...] = ()) -> None:
        self.name = name
        self.rules = rules
        self.flags = flags
        self.needs_text = any(rule.pattern for rule in rules)
        """Whether any rule looks at the request; if not, `text` may be b""."""

    def find(self, transport: str, host: str, port: int, text: bytes) -> Rule | None:
        """The first rule that refuses this destination, or None."""
        for rule in self.rules:
            if rule.hits(transport, host, port, text):
                return rule
        return None

    def __repr__(self) -> str:
        return f"{self.name}:{{{', '.join(repr(rule) for rule in self.rules)}}}"


def compile_pattern(pattern: str) -> re.Pattern[bytes]:
    """The pattern for a whole outgoing request; ValueError if it is none, is too long, or may take for ever.

    A regular expression: `^` and `$` are at lines, case does not matter, it is searched anywhere.  `glob:` in front
    makes it the shell pattern of OpenSER's code, which must fit the whole request.
    """
    if len(pattern) > MOST_PATTERN:
        raise ValueError(f"the pattern is longer than {MOST_PATTERN} characters: {pattern[:40]}...")
    try:
        with warnings.catch_warnings():
            # What `re` only warns of will mean something else one day: a list must not change its meaning.
            warnings.simplefilter("error")
            if pattern.startswith("glob:"):
                return re.compile(b"\\A" + translate(pattern[5:]).encode("latin-1"))
            if _may_explode(pattern):
                raise ValueError(f"the pattern '{pattern}' repeats something that repeats or chooses; write it flat")
            return re.compile(pattern.encode("latin-1"), re.MULTILINE | re.IGNORECASE)
    except (re.error, UnicodeEncodeError, OverflowError, Warning) as error:
        raise ValueError(f"the pattern '{pattern}' does not hold: {error}") from None


def _may_explode(pattern: str) -> bool:
    """Whether a repeated group holds a repetition or a choice, or a group is referred to: exponential time in the text."""
    loose: list[bool] = [False]
    at = 0
    while at < len(pattern):
        letter = pattern[at]
        if letter == "\\":
            at += 1
            if pattern[at : at + 1].isdigit():
                return True
        elif letter == "[":
            end = pattern.find("]", at + 2)
            at = end if end > 0 else len(pattern)
        elif letter == "(":
            loose.append(False)
            if pattern[at + 1 : at + 4] == "?P=":
                return True
            at += 1 if pattern[at + 1 : at + 2] == "?" else 0
        elif letter == ")" and len(loose) > 1:
            inner = loose.pop()
            if inner and pattern[at + 1 : at + 2] in ("*", "+", "{"):
                return True
            loose[-1] = loose[-1] or inner
        elif letter in "*+{|?":
            loose[-1] = True
        at += 1
    return False


def parse_rules(text: str) -> tuple[Rule, ...]:
    """The rules in `(proto, ip[/mask], port, "pattern"), !(...)`; ValueError names the first that does not hold.

    White space counts nowhere but in the pattern.  A quote inside a pattern is written `\\x22`.
    """
    rules: list[Rule] = []
    at = _blank(text, 0)
    while at < len(text):
        inverted = text[at] == "!"
        start = at
        if inverted:
            at = _blank(text, at + 1)
        opening = text.find('"', at)
        closing = text.find('"', opening + 1) if opening >= 0 else -1
        ends = _blank(text, closing + 1)
        if text[at : at + 1] != "(" or closing < 0 or text[ends : ends + 1] != ")":
            raise ValueError(f'a rule is written (proto, ip/mask, port, "pattern"), not {text[start : start + 60]}')
        words = [word.strip() for word in text[at + 1 : opening].split(",")]
        if len(words) != 4 or words[3]:
            raise ValueError(f"a rule has four parts, not {text[start : ends + 1]}")
        rules.append(_rule(words, text[opening + 1 : closing], inverted))
        if len(rules) > MOST_RULES:
            raise ValueError(f"a list has at most {MOST_RULES} rules")
        at = _blank(text, ends + 1)
        if at < len(text):
            if text[at] != ",":
                raise ValueError(f"a comma is missing before {text[at : at + 60]}")
            at = _blank(text, at + 1)
    return tuple(rules)


def _blank(text: str, at: int) -> int:
    while at < len(text) and text[at].isspace():
        at += 1
    return at


def _rule(words: list[str], pattern: str, inverted: bool) -> Rule:
    protocol = words[0].lower()
    if protocol not in PROTOCOLS:
        raise ValueError(f"'{words[0]}' is no protocol; known are {', '.join(PROTOCOLS)}")
    if len(words[1].split()) != 1:
        raise ValueError(f"a rule has one address or prefix, not '{words[1]}'")
    if not words[2].isascii() or not words[2].isdigit() or len(words[2]) > 5 or int(words[2]) > 65535:
        raise ValueError(f"'{words[2]}' is no port; 0 means any")
    return Rule(protocol, Nets(words[1]), int(words[2]), pattern, inverted)


def parse_definition(text: str) -> Rules:
    """One OpenSER or OpenSIPS definition: `dst_blacklist = NAME[/flag,..]:{ rules }`, the first two words may be missing.

    ValueError says what does not hold.  Flags (expire, default, readonly) are kept, not acted upon.
    """
    body = text.strip()
    for word in ("dst_blacklist", "dst_blocklist"):
        if body.startswith(word) and body[len(word) :].lstrip().startswith("="):
            body = body[len(word) :].lstrip()[1:].strip()
    head, colon, rest = body.partition(":")
    name, _, flag_text = head.strip().partition("/")
    rest = rest.strip()
    flags = tuple(flag.strip() for flag in flag_text.split(",")) if flag_text else ()
    if not colon or _NAME.match(name.strip()) is None:
        raise ValueError(f"a blacklist is written NAME:{{rules}}, not {text.strip()[:60]}")
    if rest[:1] != "{" or rest[-1:] != "}":
        raise ValueError(f"the rules of blacklist '{name}' do not stand in {{ }}")
    for flag in flags:
        if flag not in FLAGS:
            raise ValueError(f"'{flag}' is no flag of a blacklist; known are {', '.join(FLAGS)}")
    return Rules(name.strip(), parse_rules(rest[1:-1]), flags)
