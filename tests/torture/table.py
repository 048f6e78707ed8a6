"""What the server answers to each message of RFC 4475 and RFC 5118: one row of expectation each.

The site is example.com, the address 2001:db8::10 is its own too, nobody is registered, and the senders are trusted by
address, so that no challenge hides what comes after; only `stranger` rows come from an address that is not.
480 is the proxy's word for a user of ours without bindings: the request was understood and asked for its target.
"""

from typing import Final, final

SILENCE: Final = 0
RELAYED: Final = 1
"""Sent on to where it says, body untouched; the neighbour's 488 comes back."""
CLOSED: Final = 2
"""The stream cannot be cut any further (RFC 3261 section 18.3), so its connection is closed."""
WAITS: Final = 3
"""Less came than Content-Length says, which on a stream means: wait.  The rest is sent, then the row goes on."""
GARBLED: Final = 4
"""More came than Content-Length says (the RFC's figure is so); on a stream the rest spoils what comes after it."""


@final
class Row:
    """One message: what comes back over UDP and over TCP (the same unless given), what the answer contains, and why."""

    def __init__(
        self,
        name: str,
        udp: int,
        why: str,
        *,
        tcp: tuple[int, ...] = (),
        has: str = "",
        port: int = 5060,
        stranger: bool = False,
        ipv6: bool = False,
    ) -> None:
        self.name = name
        self.udp = udp
        self.tcp = tcp or (udp,)
        self.why = why
        self.has = has
        self.port = port
        """Where answers go over UDP: the port in the topmost Via (RFC 3261 section 18.2.2)."""
        self.stranger = stranger
        self.ipv6 = ipv6


# fmt: off
RFC_4475: Final = [
    # 3.1.1 valid messages
    Row("wsinv.dat",      RELAYED, "folding, odd case, spaces and old compact names change nothing"),
    Row("intmeth.dat",    480,     "any token is a method, any of those signs may stand where they stand"),
    Row("esc01.dat",      RELAYED, "an escaped @ in the user part stays escaped; example.net is somebody else"),
    Row("escnull.dat",    404,     "%00 is an octet like others, but no user of ours has one"),
    Row("esc02.dat",      RELAYED, "a method and a header name with % are those names, not unescaped ones"),
    Row("lwsdisp.dat",    480,     "no space is needed between display name and <"),
    Row("longreq.dat",    480,     "long values are within the limits"),
    Row("dblreq.dat",     200,     "a datagram holds one message, a stream as many as come", tcp=(200, 480, GARBLED)),
    Row("semiuri.dat",    480,     "the semicolon and what follows it belong to the user part"),
    Row("transports.dat", 480,     "any token is a transport in Via"),
    Row("mpart01.dat",    RELAYED, "the body is binary; the Route has no lr, so its next hop is a strict router"),
    Row("unreason.dat",   SILENCE, "a sound response to nobody's request"),
    Row("noreason.dat",   SILENCE, "a sound response to nobody's request"),
    # 3.1.2 invalid messages
    Row("badinv01.dat",   400,     "separators with nothing between them in Via and Contact"),
    Row("clerr.dat",      400,     "Content-Length is more than the datagram holds", tcp=(WAITS, 480)),
    Row("ncl.dat",        400,     "Content-Length is negative", tcp=(400, CLOSED)),
    Row("scalar02.dat",   400,     "CSeq, Expires and a Contact's expires are over their bounds"),
    Row("scalarlg.dat",   SILENCE, "a response whose CSeq is over its bound"),
    Row("quotbal.dat",    400,     "a quoted display name without its end", port=5050),
    Row("ltgtruri.dat",   400,     "<> around the Request-URI"),
    Row("lwsruri.dat",    400,     "a space inside the Request-URI"),
    Row("lwsstart.dat",   400,     "several spaces in the request line"),
    Row("trws.dat",       400,     "a space after the version"),
    Row("escruri.dat",    400,     "a Request-URI has no headers part"),
    Row("baddate.dat",    480,     "a Date that is not in GMT is nothing that a proxy reads"),
    Row("regbadct.dat",   400,     "a ? in a Contact that is not in <>"),
    Row("badaspec.dat",   400,     "spaces inside <>"),
    Row("baddn.dat",      400,     "a display name with a comma and no quotes"),
    Row("badvers.dat",    505,     "not version 2.0"),
    Row("mismatch01.dat", 400,     "CSeq names another method than the request line"),
    Row("mismatch02.dat", 400,     "the same with a method that nobody knows"),
    Row("bigcode.dat",    SILENCE, "a response with a status that is no status"),
    # 3.2 transaction layer
    Row("badbranch.dat",  480,     "the cookie and nothing after it: taken as a branch of RFC 2543"),
    # 3.3 application layer
    Row("insuf.dat",      SILENCE, "Call-ID, From and To are missing: there is nothing to make an answer from"),
    Row("unkscm.dat",     416,     "a scheme that nobody knows in the Request-URI"),
    Row("novelsc.dat",    416,     "a scheme that somebody knows, but we do not"),
    Row("unksm2.dat",     400,     "To and From are not of the scheme that the Request-URI is of"),
    Row("bext01.dat",     420,     "Proxy-Require is for us", has="Unsupported: noProxiesSupportThis"),
    Row("invut.dat",      480,     "the body's type is no business of a proxy"),
    Row("regaut01.dat",   401,     "credentials of an unknown scheme are none", has="Digest realm=", stranger=True),
    Row("multi01.dat",    400,     "headers that may stand once stand twice"),
    Row("mcl01.dat",      400,     "two Content-Lengths that differ", tcp=(400, CLOSED)),
    Row("bcast.dat",      SILENCE, "a response that wants to be sent on to the broadcast address"),
    Row("zeromf.dat",     483,     "no hop is left"),
    Row("cparam01.dat",   200,     "an unknown parameter of the Contact header", has="@gw1.example.net"),
    Row("cparam02.dat",   200,     "an unknown parameter of the Contact URI", has="@gw1.example.net;unknownparam>"),
    Row("regescrt.dat",   400,     "a Contact with headers would put a Route into other people's requests"),
    # 3.4 backward compatibility
    Row("sdp01.dat",      480,     "Accept is no business of a proxy"),
    Row("inv2543.dat",    480,     "no branch, no tag; a stream wants Content-Length, though", tcp=(400, CLOSED)),
]

RFC_5118: Final = [
    Row("ipv6-good",                     200, "an IPv6 reference", ipv6=True, has="sip:caller@[2001:db8::1]"),
    Row("ipv6-bad",                      400, "an IPv6 address without its brackets", ipv6=True),
    Row("port-ambiguous",            RELAYED, "5070 is the last group of the address, not a port", ipv6=True),
    Row("port-unambiguous",              200, "5070 is a port, and we listen there", ipv6=True),
    Row("via-received-param-with-delim", 481, "received in brackets is taken, too; nobody has such a dialog", ipv6=True),
    Row("via-received-param-no-delim",   200, "received without brackets", ipv6=True),
    Row("ipv6-in-sdp",                   480, "IPv6 in the body", ipv6=True, tcp=(480, GARBLED)),
    Row("mult-ip-in-header",         RELAYED, "IPv4 and IPv6 in Via side by side", ipv6=True, port=6050),
    Row("mult-ip-in-sdp",                480, "IPv4 and IPv6 in the body", ipv6=True, tcp=(480, GARBLED)),
    Row("ipv4-mapped-ipv6",              480, "an IPv4 address in IPv6 clothes", ipv6=True, port=19823, tcp=(480, GARBLED)),
    Row("ipv6-bug-abnf-3-colons",        400, "three colons in a row, as RFC 3261's grammar once allowed", ipv6=True),
    Row("ipv6-correct-abnf-2-colons",RELAYED, "IPv6 with an IPv4 address at its end", ipv6=True),
]
# fmt: on
