"""Tokens, numbers and quoted strings: the small grammar everything else is made of (RFC 3261 section 25.1)."""

from typing import Final


def letters(allowed: bytes) -> bytes:
    """The table by which `only` knows these bytes; made once, since telling them apart anew costs more than the text."""
    return bytes([0x61 if one in allowed else 0x20 for one in range(256)])


TOKEN: Final = b"-.!%*_+`'~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
MOST_PARAMETERS: Final = 64
HEX: Final = letters(b"0123456789abcdefABCDEF")
HOST: Final = letters(b"-.0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_")
_TOKEN: Final = letters(TOKEN)
# One byte is found far faster by its number.
_QUOTE: Final = 0x22
_OPENING: Final = 0x3C
_BACKSLASH: Final = 0x5C


def only(text: bytes, allowed: bytes) -> bool:
    """Whether every byte of the text is one of the allowed `letters` (true of nothing at all)."""
    return not text or text.translate(allowed).isalpha()


def is_token(text: bytes) -> bool:
    """Whether the text is a token of RFC 3261 section 25.1: at least one character, all of them allowed."""
    # Most are letters and digits, which is known far faster.  isalnum() is about ASCII for bytes.
    return text.isalnum() or text.translate(_TOKEN).isalpha()


SMALL: Final[dict[bytes, int]] = {str(value).encode(): value for value in range(1000)}
"""The numbers that are met all day: one look-up instead of a call of `number`."""


def number(text: bytes, most: int) -> int:
    """The decimal number in the text, or -1 if it is not one or is above `most`.

    Digits are counted before they are converted, so a megabyte of them costs nothing.
    """
    if not text.isdigit() or len(text) > 20:
        return -1
    value = int(text)
    return value if value <= most else -1


def unquote(text: bytes) -> bytes:
    """What a quoted string says; a text that is not one is returned as it is."""
    if len(text) < 2 or text[:1] != b'"' or text[-1:] != b'"':
        return text
    inner = text[1:-1]
    if _BACKSLASH not in inner:
        return inner
    out = bytearray()
    escaped = False
    for byte in inner:
        if not escaped and byte == _BACKSLASH:
            escaped = True
            continue
        out.append(byte)
        escaped = False
    return bytes(out)


def quote(text: bytes) -> bytes:
    """The text as a quoted string."""
    return b'"' + text.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'


def close_quote(text: bytes, start: int) -> int:
    """Where the quoted string that opens at `start` closes, or -1 if it never does."""
    at = text.find(b'"', start + 1)
    while at > 0:
        back = at - 1
        while text[back] == _BACKSLASH:
            back -= 1
        if (at - back) % 2 == 1:
            return at
        at = text.find(b'"', at + 1)
    return -1


def split_list(text: bytes, separator: bytes = b",") -> list[bytes]:
    """The parts between separators that stand outside quotes and angle brackets, stripped of white space.

    An unclosed quote or bracket swallows the rest: the part that it spoils will not parse.
    """
    mark = separator[0]
    if mark not in text:
        return [text.strip(b" \t")]
    if _QUOTE not in text and _OPENING not in text:
        return [part.strip(b" \t") for part in text.split(separator)]
    parts: list[bytes] = []
    start = at = 0
    size = len(text)
    while at < size:
        byte = text[at]
        if byte == mark:
            parts.append(text[start:at].strip(b" \t"))
            start = at + 1
        elif byte == _QUOTE:
            at = close_quote(text, at)
            if at < 0:
                break
        elif byte == _OPENING:
            at = text.find(b">", at)
            if at < 0:
                break
        at += 1
    parts.append(text[start:].strip(b" \t"))
    return parts


def parameters(text: bytes) -> dict[bytes, bytes] | None:
    """The `;name=value` parameters of a header, names in lower case, values as written (quotes kept).

    None if a name is no token or stands twice, or if there are over 64.  A parameter without a value has b"".
    """
    found: dict[bytes, bytes] = {}
    for part in split_list(text, b";"):
        if not part:
            continue
        name, _, value = part.partition(b"=")
        name = name.strip(b" \t").lower()
        if not is_token(name) or name in found or len(found) >= MOST_PARAMETERS:
            return None
        found[name] = value.strip(b" \t")
    return found
