"""Bindings of one address-of-record as one string: a third of the memory of objects, and nothing for the collector to walk.

A binding is its fields joined by line feeds, several are joined by carriage returns: neither can stand in a header
value (RFC 3261 section 25.1), and text that holds one is refused.
"""

from typing import Final

from ..api import Binding

LINE_FEEDS: Final = 10
KEPT: Final = 4096
LONGEST_KEPT: Final = 2048

# What was read of late: who is called is called again, and who reads the same text twice gets the very same tuple.
_read: dict[str, tuple[Binding, ...]] = {}


def pack(bindings: tuple[Binding, ...]) -> str:
    """The bindings as one string, at least one of them.  Raises ValueError for text that holds a line end."""
    if len(bindings) == 1:
        return _pack(bindings[0])
    return "\r".join([_pack(binding) for binding in bindings])


def _pack(binding: Binding) -> str:
    q = binding.q
    reg_id = binding.reg_id
    # Moments as short as they can be written: nearly all are whole.
    expires = binding.expires
    changed = binding.changed
    expires_whole = int(expires)
    changed_whole = int(changed)
    packed = "\n".join(
        (
            str(expires_whole) if expires_whole == expires else repr(expires),
            binding.contact,
            binding.call_id,
            str(binding.cseq),
            str(changed_whole) if changed_whole == changed else repr(changed),
            "" if q == 1.0 else repr(q),
            binding.received,
            binding.path,
            binding.instance,
            str(reg_id) if reg_id else "",
            binding.user_agent,
        )
    )
    if packed.count("\n") != LINE_FEEDS or "\r" in packed:
        raise ValueError(f"a line end stands in {binding!r}")
    return packed


def unpack(packed: str, now: float) -> tuple[Binding, ...]:
    """The bindings in the string that have not expired at `now`; of 4,096 strings that are not over 2,048 characters they are remembered."""
    bindings = _read.get(packed)
    if bindings is None:
        bindings = unpack_all(packed)
        if len(packed) <= LONGEST_KEPT:
            if len(_read) >= KEPT:
                _read.clear()
            _read[packed] = bindings
    for binding in bindings:
        if binding.expires <= now:
            return tuple([binding for binding in bindings if binding.expires > now])
    return bindings


def unpack_all(packed: str) -> tuple[Binding, ...]:
    """The bindings in the string, expired or not."""
    return tuple(map(_unpack, packed.split("\r")))


def keys(packed: str) -> list[tuple[str, str, str]]:
    """What tells the bindings in the string apart: contact, instance and reg-id as text, in order."""
    found: list[tuple[str, str, str]] = []
    for one in packed.split("\r"):
        fields = one.split("\n")
        found.append((fields[1], fields[8], fields[9]))
    return found


def _unpack(packed: str) -> Binding:
    expires, contact, call_id, cseq, changed, q, received, path, instance, reg_id, user_agent = packed.split("\n")
    return Binding(
        contact,
        float(expires),
        float(q) if q else 1.0,
        call_id,
        int(cseq),
        received,
        path,
        user_agent,
        instance,
        int(reg_id) if reg_id else 0,
        float(changed),
    )


def expired(kept: dict[str, str], aors: list[str], now: float) -> list[str]:
    """Those of these addresses-of-record in `kept` that have a binding which has expired at `now`."""
    found: list[str] = []
    for aor in aors:
        packed = kept.get(aor)
        if packed is None:
            continue
        if "\r" not in packed:
            if float(packed[: packed.index("\n")]) <= now:
                found.append(aor)
        elif min([binding.expires for binding in unpack_all(packed)]) <= now:
            found.append(aor)
    return found
