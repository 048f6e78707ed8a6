"""RFC 3261 section 10.3, row by row: a REGISTER and what was there, in; the answer and what shall be there, out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twsip.sip.binding import Binding
from twsip.sip.message import Request
from twsip.sip.parser import parse
from twsip.sip.registrar import Limits, Outcome, print_q, q_value, register
from twsip.sip.uri import Uri

NOW = 1_800_000_000.0
A = "sip:alice@192.0.2.9"
B = "sip:alice@192.0.2.10:5070"


def request(*lines: str, call_id: str = "c1@phone", cseq: int = 1) -> Request:
    head = [
        "REGISTER sip:example.org SIP/2.0",
        "Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1",
        "From: <sip:alice@example.org>;tag=1",
        "To: <sip:alice@example.org>",
        f"Call-ID: {call_id}",
        f"CSeq: {cseq} REGISTER",
        "Content-Length: 0",
        *lines,
    ]
    message = parse("\r\n".join([*head, "", ""]).encode())
    assert isinstance(message, Request), message
    return message


def binding(contact: str = A, **changes: object) -> Binding:
    fields: dict[str, object] = {
        "contact": contact,
        "expires": NOW + 1000,
        "q": 1.0,
        "call_id": "c1@phone",
        "cseq": 1,
        "received": "",
        "path": "",
        "user_agent": "",
        "instance": "",
        "changed": NOW - 100,
    }
    return Binding(**{**fields, **changes})  # type: ignore[arg-type]


def run(
    *lines: str, was: tuple[Binding, ...] = (), call_id: str = "c1@phone", cseq: int = 2, **limits: object
) -> Outcome:
    return register(request(*lines, call_id=call_id, cseq=cseq), was, NOW, Limits(**limits))  # type: ignore[arg-type]


def seen(outcome: Outcome) -> list[tuple[str, float]]:
    return [(one.contact, one.expires - NOW) for one in outcome.bindings]


def kinds(outcome: Outcome) -> list[tuple[str, str]]:
    return [(kind, one.contact) for kind, one in outcome.changes]


def refused(outcome: Outcome, status: int) -> bool:
    return outcome.status == status and outcome.bindings == () and outcome.changes == []


def test_add() -> None:
    outcome = register(
        request(f"Contact: <{A}>;q=0.5", "User-Agent: phone/1"),
        (),
        NOW,
        Limits(),
        "UDP 192.0.2.9 5060 via 192.0.2.1 5060",
    )
    assert outcome.status == 200
    assert outcome.bindings == (
        Binding(
            A,
            NOW + 3600,
            0.5,
            "c1@phone",
            1,
            "UDP 192.0.2.9 5060 via 192.0.2.1 5060",
            "",
            "phone/1",
            "",
            0,
            changed=NOW,
        ),
    )
    assert outcome.headers == (("Contact", f"<{A}>;expires=3600;q=0.5"),)
    assert kinds(outcome) == [("added", A)]


def test_query_changes_nothing_and_lists_all() -> None:
    was = (binding(A), binding(B, expires=NOW + 0.5, q=0.25))
    outcome = run(was=was)
    assert outcome.status == 200
    assert outcome.bindings == was
    assert outcome.changes == []
    assert outcome.headers == (("Contact", f"<{A}>;expires=1000"), ("Contact", f"<{B}>;expires=0;q=0.25"))


def test_refresh_keeps_the_place() -> None:
    outcome = run(f"Contact: <{A}>;expires=200", was=(binding(A), binding(B)))
    assert seen(outcome) == [(A, 200), (B, 1000)]
    assert kinds(outcome) == [("refreshed", A)]
    assert outcome.bindings[0].cseq == 2


def test_remove_one() -> None:
    outcome = run(f"Contact: <{A}>;expires=0", was=(binding(A), binding(B)))
    assert seen(outcome) == [(B, 1000)]
    assert kinds(outcome) == [("removed", A)]


def test_remove_by_expires_header_what_is_not_there() -> None:
    outcome = run(f"Contact: <{B}>", "Expires: 0", was=(binding(A),))
    assert outcome.status == 200
    assert seen(outcome) == [(A, 1000)]
    assert outcome.changes == []


def test_what_was_told_is_kept_when_now_is_no_whole_second() -> None:
    outcome = register(request(f"Contact: <{A}>;expires=60"), (), NOW + 0.75, Limits())
    assert outcome.headers == (("Contact", f"<{A}>;expires=60"),)
    assert NOW + 60.75 <= outcome.bindings[0].expires < NOW + 61.75


@pytest.mark.parametrize(
    ("lines", "seconds"),
    [
        ((f"Contact: <{A}>",), 3600),
        ((f"Contact: <{A}>", "Expires: 300"), 300),
        ((f"Contact: <{A}>;expires=100", "Expires: 300"), 100),
        ((f"Contact: {A};expires=100", "Expires: 300"), 100),
        ((f"Contact: <{A}>;EXPIRES=100",), 100),
        ((f"Contact: <{A}>", "Expires: 4294967295"), 7200),
        ((f"Contact: <{A}>", "Expires: 4294967296"), 3600),
        ((f"Contact: <{A}>", "Expires: " + "9" * 5000), 3600),
        ((f"Contact: <{A}>", "Expires: -1"), 3600),
        ((f"Contact: <{A}>", "Expires: 0x10"), 3600),
        ((f"Contact: <{A}>", "Expires:"), 3600),
        ((f"Contact: <{A}>;expires=4294967296",), 3600),
        ((f"Contact: <{A}>;expires=", "Expires: 300"), 3600),
        ((f"Contact: <{A}>;expires=soon", "Expires: 300"), 3600),
        ((f"Contact: <{A}>;expires=7201",), 7200),
        ((f"Contact: <{A}>;expires=60",), 60),
    ],
)
def test_expires(lines: tuple[str, ...], seconds: int) -> None:
    assert seen(run(*lines)) == [(A, seconds)]


@pytest.mark.parametrize("lines", [(f"Contact: <{A}>;expires=59",), (f"Contact: <{A}>", "Expires: 1")])
def test_too_brief(lines: tuple[str, ...]) -> None:
    outcome = run(*lines, was=(binding(A),))
    assert refused(outcome, 423)
    assert outcome.headers == (("Min-Expires", "60"),)


def test_star() -> None:
    outcome = run("Contact: *", "Expires: 0", was=(binding(A, call_id="other", cseq=9), binding(B)))
    assert outcome.status == 200
    assert outcome.bindings == ()
    assert outcome.headers == ()
    assert kinds(outcome) == [("removed", A), ("removed", B)]


@pytest.mark.parametrize(
    "lines",
    [
        ("Contact: *",),
        ("Contact: *", "Expires: 1"),
        ("Contact: *", "Expires: 00x"),
        ("Contact: *", "Expires: 4294967296"),
        ("Contact: *", f"Contact: <{A}>", "Expires: 0"),
        (f"Contact: <{A}>, *", "Expires: 0"),
        ("Contact: *, *", "Expires: 0"),
        ("Contact: *", "Contact: *", "Expires: 0"),
        ("Contact: *;expires=0", "Expires: 0"),
        ("Contact: <*>", "Expires: 0"),
    ],
)
def test_star_misused(lines: tuple[str, ...]) -> None:
    assert refused(run(*lines, was=(binding(A),)), 400)


@pytest.mark.parametrize(
    "contact",
    [
        "",
        "<sip:alice@192.0.2.9",
        "alice",
        "<tel:+15551234>",
        "<mailto:alice@example.org>",
        "<http://192.0.2.9/>",
        f"<{A}?Route=%3Csip:evil%3E>",
        f"<{A}?Replaces=a>",
        f"<{A}>;q=1.1",
        f"<{A}>;q=2",
        f"<{A}>;q=0.1234",
        f"<{A}>;q=.5",
        f"<{A}>;q=-0.5",
        f"<{A}>;q=1e0",
        f"<{A}>;q=",
        f"<{A}>;q=nan",
        f'<{A}>;+sip.instance="<urn:uuid:1>";reg-id=0',
        f'<{A}>;+sip.instance="<urn:uuid:1>";reg-id=99999999999',
        f'<{A}>;+sip.instance="{"x" * 300}"',
        "<sip:" + "a" * 520 + "@192.0.2.9>",
        f"<{A}>;expires=5;expires=6",
    ],
)
def test_contacts_that_get_400(contact: str) -> None:
    assert refused(run(f"Contact: {contact}", was=(binding(A),)), 400)


def test_all_or_nothing() -> None:
    good = f"Contact: <{A}>;expires=100"
    assert refused(run(good, f"Contact: <{B}>;expires=5", was=(binding(A),)), 423)
    assert refused(run(good, f"Contact: <{B}>;q=7", was=(binding(A),)), 400)
    assert refused(run(good, f"Contact: <{B}>", was=(binding(A), binding(B, cseq=2))), 500)


@pytest.mark.parametrize(
    ("call_id", "cseq", "status"), [("c1@phone", 2, 200), ("c1@phone", 1, 500), ("c1@phone", 0, 500), ("new", 0, 200)]
)
def test_order(call_id: str, cseq: int, status: int) -> None:
    """A request that overtook a later one changes nothing, whichever way it asks."""
    was = (binding(A, cseq=1),)
    for lines in [
        (f"Contact: <{A}>",),
        (f"Contact: <{A}>;expires=0",),
        ("Contact: *", "Expires: 0"),
    ]:
        outcome = run(*lines, was=was, call_id=call_id, cseq=cseq)
        assert outcome.status == status
        assert (outcome.changes == []) == (status == 500)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("sip:alice@phone.example", "sip:alice@PHONE.example"),
        ("sip:al%69ce@192.0.2.9", "sip:alice@192.0.2.9"),
        ("sip:alice@192.0.2.9;ob", "sip:alice@192.0.2.9"),
    ],
)
def test_equal_contacts_are_one(old: str, new: str) -> None:
    outcome = run(f"Contact: <{new}>", was=(binding(old),))
    assert [one.contact for one in outcome.bindings] == [new]
    assert kinds(outcome) == [("refreshed", new)]


@pytest.mark.parametrize(
    "new",
    ["sip:Alice@192.0.2.9", "sip:alice@192.0.2.9:5060", "sip:alice@192.0.2.9;transport=tcp", "sips:alice@192.0.2.9"],
)
def test_unequal_contacts_are_two(new: str) -> None:
    assert len(run(f"Contact: <{new}>", was=(binding(A),)).bindings) == 2


def test_the_same_contact_twice_in_one_request_counts_once() -> None:
    outcome = run(f"Contact: <{A}>;expires=100, <{A}>;expires=200")
    assert seen(outcome) == [(A, 200)]
    outcome = run(f"Contact: <{A}>;expires=100, <{A}>;expires=0")
    assert seen(outcome) == []


def test_instance_and_reg_id_name_the_binding() -> None:
    was = (binding(A, instance="<urn:uuid:1>", reg_id=1), binding(A, instance="<urn:uuid:1>", reg_id=2))
    outcome = run(f'Contact: <{B}>;+sip.instance="<urn:uuid:1>";reg-id=2', was=was)
    assert [(one.contact, one.reg_id) for one in outcome.bindings] == [(A, 1), (B, 2)]
    assert kinds(outcome) == [("refreshed", B)]
    assert outcome.headers[1] == ("Contact", f'<{B}>;expires=3600;+sip.instance="<urn:uuid:1>";reg-id=2')


def test_quotes_in_an_instance_come_back_quoted() -> None:
    outcome = run(f'Contact: <{A}>;+sip.instance="<a\\"b\\\\>"')
    assert outcome.bindings[0].instance == '<a"b\\>'
    assert outcome.headers == (("Contact", f'<{A}>;expires=3600;+sip.instance="<a\\"b\\\\>"'),)


def test_one_too_many_replaces_the_one_left_alone_for_longest() -> None:
    was = (
        binding("sip:1@h", changed=NOW - 5),
        binding("sip:2@h", changed=NOW - 9),
        binding("sip:3@h", changed=NOW - 7),
    )
    outcome = run(f"Contact: <{A}>", was=was, max_contacts=3)
    assert [one.contact for one in outcome.bindings] == ["sip:1@h", "sip:3@h", A]
    assert kinds(outcome) == [("added", A), ("removed", "sip:2@h")]


def test_one_too_many_is_refused_when_the_site_says_so() -> None:
    was = (binding("sip:1@h"), binding("sip:2@h"))
    assert refused(run(f"Contact: <{A}>", was=was, max_contacts=2, replace_oldest=False), 403)
    assert run("Contact: <sip:2@h>", was=was, max_contacts=2, replace_oldest=False).status == 200


def test_more_contacts_in_one_request_than_there_may_be() -> None:
    many = ", ".join(f"<sip:{n}@h>" for n in range(4))
    assert refused(run(f"Contact: {many}", max_contacts=3), 403)
    assert refused(run("Contact: " + ", ".join(f"<sip:{n}@h>" for n in range(65))), 400)


def test_contacts_that_lead_back_here() -> None:
    def is_ours(uri: Uri) -> bool:
        return uri.host == "192.0.2.1"

    good = register(request(f"Contact: <{A}>"), (), NOW, Limits(), is_ours=is_ours)
    bad = register(request(f"Contact: <{A}>, <sip:alice@192.0.2.1>"), (), NOW, Limits(), is_ours=is_ours)
    assert good.status == 200
    assert refused(bad, 403)


def test_path_is_kept_and_returned() -> None:
    outcome = run(f"Contact: <{A}>", "Supported: gruu, path", "Path: <sip:p2.example;lr>", "Path: <sip:p1.example;lr>")
    assert outcome.bindings[0].path == "sip:p2.example;lr, sip:p1.example;lr"
    assert outcome.headers[-1] == ("Path", "<sip:p2.example;lr>, <sip:p1.example;lr>")


def test_path_that_the_phone_does_not_know_of() -> None:
    outcome = run(f"Contact: <{A}>", "Path: <sip:p1.example;lr>")
    assert refused(outcome, 420)
    assert outcome.headers == (("Unsupported", "path"),)


@pytest.mark.parametrize(
    "path",
    ["<sip:p1", "", "<tel:1>", "<sip:p?a=b>", ", ".join(["<sip:p.example;lr>"] * 63), "<sip:" + "a" * 1020 + "@p>"],
)
def test_bad_path(path: str) -> None:
    assert refused(run(f"Contact: <{A}>", "Supported: path", f"Path: {path}"), 400)


def test_required_extensions() -> None:
    outcome = run(f"Contact: <{A}>", "Require: path, x-unknown", "Require: y")
    assert refused(outcome, 420)
    assert outcome.headers == (("Unsupported", "x-unknown, y"),)
    assert run(f"Contact: <{A}>", "Require: Path").status == 200


def test_long_call_id_is_not_kept() -> None:
    assert refused(run(f"Contact: <{A}>", call_id="c" * 256), 400)
    assert run(f"Contact: <{A}>", call_id="c" * 255).status == 200


def test_user_agent_is_cut_and_made_text() -> None:
    (kept,) = run(f"Contact: <{A}>", "User-Agent: " + "u" * 999).bindings
    assert kept.user_agent == "u" * 255


@pytest.mark.parametrize(
    ("text", "thousandths"),
    [
        ("0", 0),
        ("1", 1000),
        ("0.", 0),
        ("1.", 1000),
        ("0.5", 500),
        ("0.05", 50),
        ("0.123", 123),
        ("1.000", 1000),
        ("0.7", 700),
    ],
)
def test_q(text: str, thousandths: int) -> None:
    assert q_value(text.encode()) == thousandths


@given(st.integers(0, 1000))
def test_q_printed_is_q_read(thousandths: int) -> None:
    assert q_value(print_q(thousandths / 1000).encode()) == thousandths


@given(st.binary(max_size=8))
def test_q_never_raises(raw: bytes) -> None:
    assert -1 <= q_value(raw) <= 1000


_contacts = st.sampled_from([A, B, "sip:x@h", "sip:x@h;transport=tcp", "sip:X@H", "tel:1", "sip:y@h?a=b", "*"])
_numbers = st.sampled_from(["0", "1", "59", "60", "3600", "7200", "99999", "4294967296", "x", ""])


@st.composite
def registers(draw: st.DrawFn) -> Request:
    lines: list[str] = []
    for _ in range(draw(st.integers(0, 4))):
        contact = draw(_contacts)
        text = contact if contact == "*" else f"<{contact}>"
        for name in ("expires", "q", "reg-id", "+sip.instance"):
            if draw(st.booleans()) and draw(st.booleans()):
                text += f";{name}={draw(_numbers)}"
        lines.append(f"Contact: {text}")
    if draw(st.booleans()):
        lines.append(f"Expires: {draw(_numbers)}")
    return request(*lines, call_id=draw(st.sampled_from(["a", "b"])), cseq=draw(st.integers(1, 5)))


@given(st.lists(registers(), max_size=12), st.booleans())
def test_whatever_comes_the_rules_hold(requests: list[Request], replace: bool) -> None:
    """No refusal changes anything, no AOR has more than it may, and no contact is there twice."""
    limits = Limits(max_contacts=3, replace_oldest=replace)
    now = NOW
    bindings: tuple[Binding, ...] = ()
    for one in requests:
        outcome = register(one, bindings, now, limits)
        if outcome.status != 200:
            assert outcome.status in (400, 403, 423, 500)
            assert refused(outcome, outcome.status)
            continue
        if not outcome.changes:
            assert outcome.bindings == bindings
        bindings = outcome.bindings
        assert len(bindings) <= 3
        assert len([value for name, value in outcome.headers if name == "Contact"]) == len(bindings)
        contacts = [each.contact for each in bindings if not each.reg_id]
        assert len(set(contacts)) == len(contacts)
        flows = [(each.instance, each.reg_id) for each in bindings if each.reg_id]
        assert len(set(flows)) == len(flows)
        for each in bindings:
            assert now < each.expires <= now + 7200
        now += 1
