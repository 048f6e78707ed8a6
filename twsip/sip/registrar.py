"""The registrar core: a REGISTER and the bindings there are, in; the bindings there shall be, or a refusal, out.

RFC 3261 section 10.3, with Path (RFC 3327) and bindings keyed by instance and reg-id (RFC 5626 section 6).
"""

from collections.abc import Callable
from typing import Final, final

from . import names
from .abnf import number, unquote
from .binding import Binding
from .fields.address import Address, parse_address, parse_addresses
from .layout import PLACED
from .message import MOST_EXPIRES, Request
from .uri import Uri, parse_uri

# What an Expires that cannot be read stands for (sections 20.10 and 20.19), whatever the site's default is.
MALFORMED_EXPIRES: Final = 3600
LONGEST_CONTACT: Final = 512
LONGEST_CALL_ID: Final = 255
LONGEST_PATH: Final = 1024
LONGEST_INSTANCE: Final = 255
LONGEST_USER_AGENT: Final = 255
MOST_REG_ID: Final = 2**31 - 1
SUPPORTED: Final = (b"path",)

ADDED: Final = "added"
REFRESHED: Final = "refreshed"
REMOVED: Final = "removed"

_COMMA: Final = 0x2C
_CONTACT: Final = names.CONTACT
_EXPIRES: Final = names.EXPIRES
_PATH: Final = names.PATH
_REQUIRE: Final = names.REQUIRE
_USER_AGENT: Final = names.USER_AGENT
_Q_DIGITS: Final = (0, 100, 10, 1)


def _nowhere(uri: Uri) -> bool:
    return False


@final
class Limits:
    """What the site allows: times in whole seconds, `max_contacts` bindings an AOR.

    `replace_oldest` says that one contact too many takes the place of the one that was not refreshed for longest; else
    it is refused with 403.
    """

    __slots__ = ("default_expires", "max_contacts", "max_expires", "min_expires", "replace_oldest")

    def __init__(
        self,
        default_expires: int = 3600,
        min_expires: int = 60,
        max_expires: int = 7200,
        max_contacts: int = 10,
        replace_oldest: bool = True,
    ) -> None:
        self.default_expires = default_expires
        self.min_expires = min_expires
        self.max_expires = max_expires
        self.max_contacts = max_contacts
        self.replace_oldest = replace_oldest


@final
class Outcome:
    """What the registrar decided: a refusal (status not 200: nothing may be changed), or all bindings as they shall be.

    `changes` are (kind, binding) pairs in the order they happened, empty for a query; `headers` belong into the answer.
    """

    __slots__ = ("bindings", "changes", "headers", "reason", "status")

    def __init__(
        self,
        status: int,
        reason: str,
        headers: tuple[tuple[str, str], ...],
        bindings: tuple[Binding, ...],
        changes: list[tuple[str, Binding]],
    ) -> None:
        self.status = status
        self.reason = reason
        self.headers = headers
        self.bindings = bindings
        self.changes = changes

    def __repr__(self) -> str:
        return f"Outcome({self.status}, {self.reason!r}, {self.bindings!r})"


def _refuse(status: int, reason: str, headers: tuple[tuple[str, str], ...] = ()) -> Outcome:
    return Outcome(status, reason, headers, (), [])


def register(
    request: Request,
    existing: tuple[Binding, ...],
    now: float,
    limits: Limits,
    received: str = "",
    is_ours: Callable[[Uri], bool] = _nowhere,
) -> Outcome:
    """Decide one REGISTER for the AOR whose live bindings are `existing`; all of it happens or nothing.

    `received` is kept with every binding made; `is_ours` says whether a contact would lead back to this very server,
    which is refused with 403 (RFC 5393: such contacts multiply requests).  Who may register is decided before this.
    """
    first = request.layout.first
    if first[_REQUIRE] >= PLACED:
        unsupported = [tag.decode("latin-1") for tag in request.tokens(_REQUIRE) if tag.lower() not in SUPPORTED]
        if unsupported:
            return _refuse(420, "Bad Extension", (("Unsupported", ", ".join(unsupported)),))
    path = ""
    if first[_PATH] >= PLACED:
        kept = _path(request)
        if kept is None:
            return _refuse(400, "Malformed or too long Path")
        if not _offers_path(request):
            # RFC 3327 section 5.3: a phone that does not know of Path must hear that somebody put one in.
            return _refuse(420, "Bad Extension", (("Unsupported", "path"),))
        path = kept
    if first[_CONTACT] < PLACED:
        return Outcome(200, "OK", _answer(existing, path, now), existing, [])
    if len(request.call_id) > LONGEST_CALL_ID:
        return _refuse(400, "Call-ID too long")
    values = request.values(_CONTACT)
    if b"*" in values:
        return _remove_all(request, existing, values)
    contacts: list[Address] | None
    if len(values) == 1 and _COMMA not in values[0]:
        only = parse_address(values[0])
        contacts = None if only is None else [only]
    else:
        contacts = parse_addresses(values)
    if contacts is None:
        return _refuse(400, "Malformed Contact")
    if len(contacts) > limits.max_contacts:
        return _refuse(403, "Too many contacts")
    return _update(request, contacts, existing, now, limits, received, path, is_ours)


def _remove_all(request: Request, existing: tuple[Binding, ...], values: list[bytes]) -> Outcome:
    """`Contact: *`: section 10.3 step 6."""
    if len(values) != 1 or request.number(names.EXPIRES) != 0:
        return _refuse(400, "Contact * only alone and with Expires 0")
    call_id = request.call_id.decode("latin-1")
    for binding in existing:
        if binding.call_id == call_id and request.cseq <= binding.cseq:
            return _refuse(500, "CSeq is not higher than before")
    return Outcome(200, "OK", (), (), [(REMOVED, binding) for binding in existing])


def _update(
    request: Request,
    contacts: list[Address],
    existing: tuple[Binding, ...],
    now: float,
    limits: Limits,
    received: str,
    path: str,
    is_ours: Callable[[Uri], bool],
) -> Outcome:
    """Section 10.3 step 7, on a copy, so that whatever is wrong with the last contact leaves the first one untouched."""
    call_id = request.call_id.decode("latin-1")
    cseq = request.cseq
    for_all = limits.default_expires
    raw = request.value(_EXPIRES)
    if raw is not None:
        for_all = number(raw, MOST_EXPIRES)
        if for_all < 0:
            for_all = MALFORMED_EXPIRES
    raw = request.value(_USER_AGENT)
    user_agent = ""
    if raw is not None:
        user_agent = (raw if len(raw) <= LONGEST_USER_AGENT else raw[:LONGEST_USER_AGENT]).decode("utf-8", "replace")
    # Rounded up: whoever was told so many seconds has them.
    start = int(now)
    if start < now:
        start += 1
    bindings: list[Binding] = list(existing)
    changes: list[tuple[str, Binding]] = []
    for contact in contacts:
        uri = contact.uri
        text = uri.text
        if not uri.is_sip or uri.headers or len(text) > LONGEST_CONTACT:
            # Headers in a binding's URI (?Route=) would be the caller's words in a callee's mouth.
            return _refuse(400, "Contact is not a plain SIP URI")
        if is_ours(uri):
            return _refuse(403, "Contact is this server")
        params = contact.params
        seconds = for_all
        raw = params.get(b"expires") if params else None
        if raw is not None:
            seconds = number(raw, MOST_EXPIRES)
            if seconds < 0:
                seconds = MALFORMED_EXPIRES
        if 0 < seconds < limits.min_expires:
            return _refuse(423, "Interval Too Brief", (("Min-Expires", str(limits.min_expires)),))
        if seconds > limits.max_expires:
            seconds = limits.max_expires
        q = 1.0
        raw = params.get(b"q") if params else None
        if raw is not None:
            thousandths = q_value(raw)
            if thousandths < 0:
                return _refuse(400, "Malformed q in Contact")
            q = thousandths / 1000
        instance = ""
        reg_id = 0
        raw = params.get(b"+sip.instance") if params else None
        if raw is not None:
            instance = unquote(raw).decode("utf-8", "replace")
            if len(instance) > LONGEST_INSTANCE or not instance.isprintable():
                return _refuse(400, "Malformed +sip.instance in Contact")
            raw = params.get(b"reg-id")
            if raw is not None:
                reg_id = number(raw, MOST_REG_ID)
                if reg_id <= 0:
                    return _refuse(400, "Malformed reg-id in Contact")
        # Nearly always it is the only one, written as before.
        at = 0 if bindings and not reg_id and bindings[0].contact == text else _find(bindings, uri, instance, reg_id)
        if at >= 0:
            old = bindings[at]
            # Of two equal contacts in one request the later one counts: the first is among the changes already.
            if cseq <= old.cseq and old.call_id == call_id and not _changed(changes, old):
                return _refuse(500, "CSeq is not higher than before")
        elif seconds == 0:
            continue
        if seconds == 0:
            changes.append((REMOVED, bindings.pop(at)))
            continue
        new = Binding(
            text,
            float(start + seconds),
            q,
            call_id,
            cseq,
            received,
            path,
            user_agent,
            instance,
            reg_id,
            float(start),
        )
        if at >= 0:
            bindings[at] = new
            changes.append((REFRESHED, new))
        else:
            bindings.append(new)
            changes.append((ADDED, new))
    while len(bindings) > limits.max_contacts:
        at = _oldest(bindings) if limits.replace_oldest else -1
        if at < 0 or _changed(changes, bindings[at]):
            return _refuse(403, "Too many contacts")
        changes.append((REMOVED, bindings.pop(at)))
    result = tuple(bindings)
    return Outcome(200, "OK", _answer(result, path, now), result, changes)


def _find(bindings: list[Binding], uri: Uri, instance: str, reg_id: int) -> int:
    """Which binding this contact is, or -1.

    Two that both have instance and reg-id are told apart by these alone (RFC 5626 section 6), others by section 19.1.4.
    """
    for at, binding in enumerate(bindings):
        if reg_id and binding.reg_id:
            if binding.reg_id == reg_id and binding.instance == instance:
                return at
        elif binding.contact == uri.text:
            return at
        else:
            known = parse_uri(binding.contact.encode("ascii", "replace"))
            if known is not None and known == uri:
                return at
    return -1


def _changed(changes: list[tuple[str, Binding]], binding: Binding) -> bool:
    for change in changes:
        if change[1] is binding:
            return True
    return False


def _oldest(bindings: list[Binding]) -> int:
    """Which binding was left alone for longest; of equals the first."""
    oldest = 0
    for at, binding in enumerate(bindings):
        if binding.changed < bindings[oldest].changed:
            oldest = at
    return oldest


def _offers_path(request: Request) -> bool:
    for header in (names.SUPPORTED, names.REQUIRE):
        for tag in request.tokens(header):
            if tag.lower() == b"path":
                return True
    return False


def _path(request: Request) -> str | None:
    """The Path URIs in order, joined by ", " (which no URI can hold); None when they cannot be used."""
    addresses = request.addresses(names.PATH)
    if addresses is None:
        return None
    hops: list[str] = []
    for address in addresses:
        if not address.uri.is_sip or address.uri.headers:
            return None
        hops.append(address.uri.text)
    path = ", ".join(hops)
    return path if len(path) <= LONGEST_PATH else None


def _answer(bindings: tuple[Binding, ...], path: str, now: float) -> tuple[tuple[str, str], ...]:
    """The headers of the 200: every binding with what is left of it, and the Path that was kept."""
    headers: list[tuple[str, str]] = []
    for binding in bindings:
        text = "<" + binding.contact + ">;expires=" + str(int(binding.expires - now))
        if binding.q != 1.0:
            text += ";q=" + print_q(binding.q)
        if binding.instance:
            text += ';+sip.instance="' + binding.instance.replace("\\", "\\\\").replace('"', '\\"') + '"'
            if binding.reg_id:
                text += ";reg-id=" + str(binding.reg_id)
        headers.append(("Contact", text))
    if path:
        headers.append(("Path", "<" + path.replace(", ", ">, <") + ">"))
    return tuple(headers)


def q_value(raw: bytes) -> int:
    """A qvalue of section 25.1 in thousandths, or -1 if it is none: 0 to 1 with at most three digits after the point."""
    whole, point, digits = raw.partition(b".")
    if whole not in (b"0", b"1") or len(digits) > 3 or (digits and not digits.isdigit()):
        return -1
    value = 1000 if whole == b"1" else 0
    if digits:
        value += int(digits) * _Q_DIGITS[len(digits)]
    return value if value <= 1000 else -1


def print_q(q: float) -> str:
    """A q of 0 to 1 as section 25.1 writes it, without zeros at the end."""
    thousandths = int(q * 1000 + 0.5)
    if thousandths >= 1000:
        return "1"
    if thousandths <= 0:
        return "0"
    return "0." + str(1000 + thousandths)[1:].rstrip("0")
