"""Sets of addresses and prefixes, v4 and v6, asked with what a socket or a resolver says (RFC 4291, RFC 4632, RFC 6052)."""

from ipaddress import AddressValueError, IPv4Address, IPv6Address, ip_network
from typing import Final, final

KEPT: Final = 4096
_MAPPED: Final = 0xFFFF << 32
_NOT_AN_ADDRESS: Final = -1
LONGEST: Final = 64
# The same few thousand peers come again and again.
_packed: dict[str, int] = {}


def pack(address: str) -> int:
    """The address as one 128-bit number, a v4 one as its v4-mapped form; -1 for what is no address literal.

    Only the forms of RFC 4291 section 2.2 and four decimal numbers without leading zeros are addresses: `127.1`,
    `0x7f.0.0.1`, `0177.0.0.1` and `2130706433` are not, so nothing can mean one thing here and another to the kernel.
    A zone (`%eth0`) and the brackets of a URI are taken off.
    """
    value = _packed.get(address)
    if value is None:
        value = _pack(address)
        if len(_packed) >= KEPT:
            _packed.clear()
        if len(address) <= LONGEST:
            _packed[address] = value
    return value


def _pack(address: str) -> int:
    if len(address) > LONGEST:
        return _NOT_AN_ADDRESS
    if ":" not in address:
        try:
            return _MAPPED | int(IPv4Address(address))
        except AddressValueError:
            return _NOT_AN_ADDRESS
    if address[:1] == "[" and address[-1:] == "]":
        address = address[1:-1]
    try:
        return int(IPv6Address(address.partition("%")[0]))
    except AddressValueError:
        return _NOT_AN_ADDRESS


def pack_bytes(address: bytes) -> int:
    """The same number from the 4 or 16 bytes that the network uses; -1 for any other length."""
    if len(address) == 4:
        return _MAPPED | int.from_bytes(address, "big")
    return int.from_bytes(address, "big") if len(address) == 16 else _NOT_AN_ADDRESS


def canonical(address: str) -> str:
    """The one spelling of an address (RFC 5952), v4 for a v4-mapped one; "" for what is no address literal."""
    value = pack(address)
    if value < 0:
        return ""
    if value >> 32 == 0xFFFF:
        return str(IPv4Address(value & 0xFFFFFFFF))
    return str(IPv6Address(value))


def inside(value: int) -> int:
    """The v4 address (v4-mapped) that packets to this v6 address end at through a translator or tunnel, or -1.

    NAT64 64:ff9b::/96 (RFC 6052), 6to4 2002::/16 (RFC 3056), translated ::ffff:0:0:0/96 (RFC 2765) and the long
    dead v4-compatible ::/96.
    """
    head = value >> 32
    if head == 0x64FF9B << 64 or head == 0xFFFF0000:
        return _MAPPED | (value & 0xFFFFFFFF)
    if value >> 112 == 0x2002:
        return _MAPPED | ((value >> 80) & 0xFFFFFFFF)
    if head == 0 and value > 0xFFFF:
        return _MAPPED | value
    return _NOT_AN_ADDRESS


@final
class Nets:
    """An immutable set of addresses and prefixes.

    Each text holds one or more of them, separated by commas or white space; a v4 prefix may also be written with a
    mask (`10.0.0.0/255.0.0.0`).  ValueError for anything else, names and bits beyond the prefix included.
    Answers for the last few thousand addresses are kept (at most 4096, then forgotten all at once).
    """

    __slots__ = ("_four", "_leading", "_six", "members", "text")

    def __init__(self, *texts: str) -> None:
        parts: list[str] = []
        for text in texts:
            parts.extend(text.replace(",", " ").split())
        self.text = ", ".join(parts)
        four: dict[int, set[int]] = {}
        six: dict[int, set[int]] = {}
        for part in parts:
            shift, prefix = _read(part)
            family = four if shift <= 32 and prefix >> (32 - shift) == 0xFFFF else six
            family.setdefault(shift, set()).add(prefix)
        # Apart, so that a wide v6 prefix (::/0) never holds a v4 address.
        self._four = [(shift, frozenset(found)) for shift, found in sorted(four.items())]
        self._six = [(shift, frozenset(found)) for shift, found in sorted(six.items())]
        self.members: dict[str, bool] = {}
        """Which of the last few thousand addresses are in the set: for who asks so often that a call less counts."""
        self._leading: dict[str, bool] = {}

    def __contains__(self, address: str) -> bool:
        """Whether the address itself is in the set; a v4-mapped v6 address is its v4 address, nothing else is.

        This is the question for a packet's source.  What is no address literal is in no set.
        """
        known = self.members.get(address)
        if known is None:
            known = self.has(pack(address))
            if len(self.members) >= KEPT:
                self.members.clear()
            if len(address) <= LONGEST:
                self.members[address] = known
        return known

    def leads_to(self, address: str) -> bool:
        """Whether packets to this address may end in the set: it is in it, or the v4 address inside it is.

        This is the question for a destination.  What is no address literal leads nowhere.
        """
        known = self._leading.get(address)
        if known is None:
            value = pack(address)
            known = self.has(value) or self.has(inside(value))
            if len(self._leading) >= KEPT:
                self._leading.clear()
            if len(address) <= LONGEST:
                self._leading[address] = known
        return known

    def has(self, value: int) -> bool:
        """Whether the number that `pack` or `pack_bytes` made is in the set."""
        if value < 0:
            return False
        for shift, prefixes in self._four if value >> 32 == 0xFFFF else self._six:
            if value >> shift in prefixes:
                return True
        return False

    def __bool__(self) -> bool:
        """Whether there is anything in the set."""
        return bool(self._four) or bool(self._six)

    def __eq__(self, other: object) -> bool:
        """Whether both sets were written with the same prefixes."""
        return isinstance(other, Nets) and self._four == other._four and self._six == other._six

    def __hash__(self) -> int:
        return hash((tuple(self._four), tuple(self._six)))

    def __repr__(self) -> str:
        return f"Nets({self.text!r})"


def _read(text: str) -> tuple[int, int]:
    """The shift and the shifted prefix of one net."""
    try:
        net = ip_network(text.strip("[]") if text.startswith("[") else text)
    except ValueError as error:
        why = " (it has bits beyond the prefix)" if "host bits" in str(error) else ""
        raise ValueError(f"'{text}' is no address or prefix{why}; write 192.0.2.16/28 or 2001:db8::/32") from None
    shift = net.max_prefixlen - net.prefixlen
    value = int(net.network_address)
    if net.version == 4:
        value |= _MAPPED
    return shift, value >> shift


LOOPBACK: Final = Nets("127.0.0.0/8 ::1")
# RFC 1918, RFC 6598 (a carrier's inside), RFC 2544; RFC 4193, the site-local ones before it, RFC 8215.
PRIVATE: Final = Nets(
    "10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 100.64.0.0/10 198.18.0.0/15", "fc00::/7 fec0::/10 64:ff9b:1::/48"
)
LINK_LOCAL: Final = Nets("169.254.0.0/16 fe80::/10")
# Where clouds hand a machine its keys, to whoever asks from inside.
METADATA: Final = Nets(
    "169.254.169.254 169.254.170.2 100.100.100.200 168.63.129.16 192.0.0.192", "fd00:ec2::254 fd20:ce::254"
)
# "This network", protocol assignments, multicast, reserved, broadcast; unspecified, discard, Teredo, multicast.
UNROUTABLE: Final = Nets("0.0.0.0/8 192.0.0.0/24 224.0.0.0/4 240.0.0.0/4", "::/128 100::/64 2001::/32 ff00::/8")
