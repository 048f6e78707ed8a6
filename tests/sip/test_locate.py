"""RFC 3263: which records, in what order; every row is a URI and what must be asked or tried."""

import random

import pytest

from twsip.sip.locate import Kind, Record, Search, clean_name, literal, order_servers, order_services
from twsip.sip.uri import parse_uri

ALL = ("UDP", "TCP", "TLS")
BOTH = (Kind.A, Kind.AAAA)


def first(below: int) -> int:
    return 0


def search(text: str, transports: tuple[str, ...] = ALL, families: tuple[Kind, ...] = BOTH) -> Search:
    uri = parse_uri(text.encode())
    assert uri is not None, text
    return Search(uri, transports, families, first)


def walk(one: Search, world: dict[tuple[str, Kind], list[Record]]) -> tuple[list[tuple[str, str, int]], list[str]]:
    """All places, and the questions in the order in which they were asked."""
    places, asked = [], []
    for _ in range(1000):
        place = one.take()
        if place is not None:
            places.append(place)
            continue
        needs = one.needs()
        if not needs:
            return places, asked
        for question in needs:
            asked.append(f"{question[1].name} {question[0]}")
            one.answer(question, world.get(question, []))
    raise AssertionError("the search does not end")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("sip:bob@192.0.2.1", ("UDP", "192.0.2.1", 5060)),
        ("sip:192.0.2.1:5070", ("UDP", "192.0.2.1", 5070)),
        ("sip:bob@192.0.2.1;transport=tcp", ("TCP", "192.0.2.1", 5060)),
        ("sip:bob@192.0.2.1;transport=TLS", ("TLS", "192.0.2.1", 5061)),
        ("sips:bob@192.0.2.1", ("TLS", "192.0.2.1", 5061)),
        ("sips:bob@192.0.2.1;transport=tcp", ("TLS", "192.0.2.1", 5061)),
        ("sips:bob@192.0.2.1:5070", ("TLS", "192.0.2.1", 5070)),
        ("sip:bob@[2001:DB8:0::1]:5070", ("UDP", "2001:db8::1", 5070)),
        ("sip:bob@[::ffff:192.0.2.1]", ("UDP", "192.0.2.1", 5060)),
        ("sip:bob@example.org;maddr=192.0.2.9", ("UDP", "192.0.2.9", 5060)),
    ],
)
def test_addresses_need_no_questions(text: str, place: tuple[str, str, int]) -> None:
    one = search(text)
    assert one.needs() == ()
    assert one.take() == place
    assert one.take() is None and one.needs() == ()


@pytest.mark.parametrize(
    "text",
    [
        "tel:+15551234",
        "mailto:bob@example.org",
        "sips:bob@192.0.2.1;transport=udp",
        "sips:bob@example.org;transport=udp",
        "sip:bob@192.0.2.1;transport=sctp",
        "sip:bob@example.org;maddr=a%20b",
        "sip:bob@" + "a" * 64 + ".example.org",
    ],
)
def test_what_cannot_be_sent_is_sent_nowhere(text: str) -> None:
    assert walk(search(text), {}) == ([], [])


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("sip:bob@example.org:5070", ["A example.org", "AAAA example.org"]),
        ("sip:bob@Example.ORG.;transport=tcp", ["SRV _sip._tcp.example.org", "A example.org", "AAAA example.org"]),
        ("sips:bob@example.org;transport=tcp", ["SRV _sips._tcp.example.org", "A example.org", "AAAA example.org"]),
        (
            "sip:bob@example.org",
            [
                "NAPTR example.org",
                "SRV _sip._udp.example.org",
                "SRV _sip._tcp.example.org",
                "A example.org",
                "AAAA example.org",
            ],
        ),
        (
            "sips:bob@example.org",
            ["NAPTR example.org", "SRV _sips._tcp.example.org", "A example.org", "AAAA example.org"],
        ),
    ],
)
def test_questions_where_nothing_is_found(text: str, asked: list[str]) -> None:
    assert walk(search(text), {}) == ([], asked)


NAPTR = [
    Record("_sip._udp.example.org", 90, 50, 0, "SIP+D2U"),
    Record("_sip._tcp.example.org", 50, 60, 0, "sip+d2t"),
    Record("_sips._tcp.example.org", 50, 50, 0, "SIPS+D2T"),
    Record("_sip._sctp.example.org", 10, 10, 0, "SIP+D2S"),
]


def test_naptr_is_tried_by_order_then_preference() -> None:
    assert order_services(NAPTR, False, ALL) == [
        ("TLS", "_sips._tcp.example.org"),
        ("TCP", "_sip._tcp.example.org"),
        ("UDP", "_sip._udp.example.org"),
    ]
    assert order_services(NAPTR, True, ALL) == [("TLS", "_sips._tcp.example.org")]
    assert order_services(NAPTR, False, ("UDP",)) == [("UDP", "_sip._udp.example.org")]
    assert order_services(NAPTR, True, ("UDP", "TCP")) == []


WORLD = {
    ("example.org", Kind.NAPTR): NAPTR,
    ("example.org", Kind.A): [Record("192.0.2.99")],
    ("_sip._tcp.example.org", Kind.SRV): [Record("b.example.org", 20, 0, 5071), Record("a.example.org", 10, 0, 5070)],
    ("_sip._udp.example.org", Kind.SRV): [Record("a.example.org", 10, 0, 5060)],
    ("a.example.org", Kind.A): [Record("192.0.2.1"), Record("192.0.2.2")],
    ("a.example.org", Kind.AAAA): [Record("2001:db8::1")],
    ("b.example.org", Kind.AAAA): [Record("2001:db8::2")],
}


def test_the_whole_way_server_after_server() -> None:
    places, asked = walk(search("sip:bob@example.org"), WORLD)
    assert places == [
        ("TCP", "192.0.2.1", 5070),
        ("TCP", "192.0.2.2", 5070),
        ("TCP", "2001:db8::1", 5070),
        ("TCP", "2001:db8::2", 5071),
        ("UDP", "192.0.2.1", 5060),
        ("UDP", "192.0.2.2", 5060),
        ("UDP", "2001:db8::1", 5060),
    ]
    # Known answers are not asked for again, and the name's own address is not used.
    assert asked.count("A a.example.org") == 1 and "A example.org" not in asked


def test_ipv6_first_when_the_site_prefers_it() -> None:
    places, _ = walk(search("sip:bob@a.example.org:5060", families=(Kind.AAAA, Kind.A)), WORLD)
    assert [host for _, host, _ in places] == ["2001:db8::1", "192.0.2.1", "192.0.2.2"]


def test_sips_never_leaves_tls() -> None:
    world = dict(WORLD)
    world[("_sips._tcp.example.org", Kind.SRV)] = [Record("a.example.org", 1, 1, 5061)]
    for text in ("sips:bob@example.org", "sips:bob@example.org;transport=tcp", "sips:bob@example.org:5061"):
        places, _ = walk(search(text), world)
        assert places and {place[0] for place in places} == {"TLS"}
    assert walk(search("sips:bob@example.org", ("UDP", "TCP")), world) == ([], [])


def test_a_target_of_root_means_no_such_service() -> None:
    world = {
        ("_sip._udp.example.org", Kind.SRV): [Record("", 0, 0, 0)],
        ("example.org", Kind.A): [Record("192.0.2.1")],
    }
    assert walk(search("sip:bob@example.org"), world)[0] == []


def test_naptr_that_leads_nowhere_falls_back_to_the_name() -> None:
    world = {
        ("example.org", Kind.NAPTR): [Record("nothing.example.org", 1, 1, 0, "SIP+D2T")],
        ("example.org", Kind.A): [Record("192.0.2.1")],
    }
    assert walk(search("sip:bob@example.org"), world)[0] == [("TCP", "192.0.2.1", 5060)]


def test_laziness_the_second_server_is_asked_for_when_the_first_is_used_up() -> None:
    one = search("sip:bob@example.org;transport=tcp")
    assert one.needs() == (("_sip._tcp.example.org", Kind.SRV),)
    one.answer(one.needs()[0], WORLD[("_sip._tcp.example.org", Kind.SRV)])
    assert one.take() is None
    assert {name for name, _ in one.needs()} == {"a.example.org"}


def test_the_certificate_proves_the_uri_s_domain() -> None:
    assert search("sips:bob@Example.org").secure_name == "example.org"
    assert search("sips:bob@[2001:db8::1]").secure_name == "2001:db8::1"
    assert search("sips:bob@example.org;maddr=evil.example").secure_name == "example.org"


def test_bounds_a_thousand_records_give_64_places() -> None:
    many = [Record(f"10.0.{index // 256}.{index % 256}") for index in range(1000)]
    servers = [Record(f"h{index}.example.org", 1, index, 5060) for index in range(1000)]
    world = {("_sip._tcp.example.org", Kind.SRV): servers}
    for index in range(1000):
        world[(f"h{index}.example.org", Kind.A)] = many[index : index + 3]
    places, asked = walk(search("sip:bob@example.org;transport=tcp"), world)
    assert len(places) == 64 == len(set(places)) and len(asked) <= 1 + 2 * 64
    assert len(walk(search("sip:x.example:5060"), {("x.example", Kind.A): many})[0]) == 64


def test_weights_within_three_sigma_of_ten_thousand_draws() -> None:
    dice = random.Random(3263)
    records = [Record("a", 5, 10, 1), Record("b", 5, 30, 1), Record("c", 5, 60, 1), Record("z", 9, 100, 1)]
    counts = {"a": 0, "b": 0, "c": 0}
    for _ in range(10000):
        ordered = order_servers(records, dice.randrange)
        assert len(ordered) == 4 and ordered[3].host == "z"
        counts[ordered[0].host] += 1
    for host, share in (("a", 0.1), ("b", 0.3), ("c", 0.6)):
        assert abs(counts[host] - 10000 * share) < 3 * (10000 * share * (1 - share)) ** 0.5


def test_weight_zero_is_rare_beside_others_and_fair_among_its_like() -> None:
    dice = random.Random(2782)
    mixed = [Record("zero", 1, 0, 1), Record("ten", 1, 10, 1)]
    share = sum(order_servers(mixed, dice.randrange)[0].host == "zero" for _ in range(10000))
    assert abs(share - 10000 / 11) < 100
    equal = [Record("a", 1, 0, 1), Record("b", 1, 0, 1)]
    share = sum(order_servers(equal, dice.randrange)[0].host == "a" for _ in range(10000))
    assert abs(share - 5000) < 200


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("[2001:0db8:0::1]", "2001:db8::1"),
        ("example.org", ""),
        ("2001:db8::1", ""),
        ("[x]", ""),
    ],
)
def test_literals(host: str, address: str) -> None:
    assert literal(host) == address


@pytest.mark.parametrize(
    ("name", "clean"),
    [
        ("Example.ORG.", "example.org"),
        (".", ""),
        ("a..b", None),
        (".a", None),
        ("a b", None),
        ("é", None),
        ("a." * 128, None),
        ("b" * 64, None),
        ("a\0b", None),
    ],
)
def test_names(name: str, clean: str | None) -> None:
    assert clean_name(name) == clean
