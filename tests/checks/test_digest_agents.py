"""Which algorithms are offered to whom: what the realm allows, and what the phone's make gets right."""

from typing import Any

import pytest

from tests.checks.digest_scene import Book, Scene, caller, refused
from tests.helpers import FakeDomains, FakeFlow
from twsip.api import Challenge, ConfigError
from twsip.checks.agents import AGENTS, LONGEST, MOST_ROWS, Agents
from twsip.checks.offers import MOST_CHOSEN


def rich() -> Book:
    book = Book()
    book.algorithms = ("MD5", "SHA-256", "SHA-512-256")  # type: ignore[attr-defined]
    return book


def offered(scene: Scene, **words: Any) -> list[str]:
    verdict = scene.ask(**words)
    assert isinstance(verdict, Challenge)
    return [value.split("algorithm=")[1].split(",")[0] for value in verdict.values]


# Of challenges in this order each of these phones answers so; real ones were asked.
# fmt: off
def first_of_md5(algorithms: list[str]) -> str:
    return algorithms[0] if algorithms[0] == "MD5" else ""


def last_of_md5(algorithms: list[str]) -> str:
    return algorithms[-1] if algorithms[-1] == "MD5" else ""


def only_md5(algorithms: list[str]) -> str:
    return "MD5" if algorithms == ["MD5"] else ""


def first(algorithms: list[str]) -> str:
    return next((one for one in algorithms if one in ("MD5", "SHA-256")), "")


PHONES = [
    # User-Agent                                  it answers      strongest
    ("sipsak 0.9.8.1",                            first_of_md5,   "MD5"),
    ("SIPp/3.6.1",                                first_of_md5,   "MD5"),
    ("baresip v1.0.0 (x86_64/linux)",             only_md5,       "MD5"),
    ("Linphone-Desktop/5.1.0 LinphoneSDK/5.2",    first,          "SHA-256"),
    ("Linphonec/5.1.65 (belle-sip/5.1.65)",       first,          "SHA-256"),
    ("Linphone/3.6.1 (eXosip2/4.1.0)",            only_md5,       "MD5"),
    ("JsSIP 3.10.0",                              last_of_md5,    "MD5"),
    ("SIP.js/0.21.2",                             last_of_md5,    "MD5"),
    ("friendly-scanner",                          first_of_md5,   "MD5"),
    ("",                                          first_of_md5,   "MD5"),
]
# fmt: on


@pytest.mark.parametrize(("agent", "picks", "strongest"), PHONES)
def test_by_default_every_phone_gets_in_with_the_strongest_it_can_do(agent: str, picks: Any, strongest: str) -> None:
    scene = Scene(accounts={"example.org": rich()})
    words = {"agent": agent} if agent else {}
    values = scene.ask(**words).values
    algorithms = [value.split("algorithm=")[1].split(",")[0] for value in values]
    assert picks(algorithms) == strongest
    answer = scene.answer(values[algorithms.index(strongest)])
    assert f"algorithm={strongest}" in answer
    caller(scene.says(answer, **words))


def test_accounts_with_md5_alone_are_offered_with_md5_alone() -> None:
    poor = Book()
    poor.algorithms = ("MD5",)  # type: ignore[attr-defined]
    for accounts in (poor, [rich(), poor], Book()):
        assert offered(Scene(accounts={"example.org": accounts}), agent="Linphone/5.1") == ["MD5"]
    strong = Book()
    strong.algorithms = ("SHA-256",)  # type: ignore[attr-defined]
    for agent in ("Linphone/5.1", "sipsak 0.9"):
        assert offered(Scene(accounts={"example.org": strong}), agent=agent) == ["SHA-256"], "nothing else could be answered"
    with pytest.raises(ConfigError, match="secrets for none of SHA-256, MD5 together"):
        Scene(accounts={"example.org": [strong, poor]})


def test_three_algorithms_strongest_first_and_each_gets_in() -> None:
    scene = Scene(algorithms=("SHA-512-256", "SHA-256", "MD5"), accounts={"example.org": rich()})
    for agent in ("sipsak 0.9", "whatever"):
        assert offered(scene, agent=agent) == ["SHA-512-256", "SHA-256", "MD5"], "who says what is offered says it to everybody"
    for nc, value in enumerate(scene.ask().values, 1):
        caller(scene.says(scene.answer(value, nc=nc)))
    refused(scene.says(scene.answer(scene.ask().values[0], algorithm="MD5-sess")), "AUTH_DOWNGRADE")


def test_the_agent_chooses_among_what_is_allowed_and_adds_nothing() -> None:
    scene = Scene(algorithms=("SHA-256",), agents=AGENTS, accounts={"example.org": rich()})
    for agent in ("sipsak 0.9", "Linphone/5.1", "MD5"):
        assert offered(scene, agent=agent) == ["SHA-256"]
    both = Scene(accounts={"example.org": rich()})
    md5 = both.answer(both.ask(agent="sipsak 0.9").values[0])
    sha = both.answer(both.ask(agent="sipsak 0.9").values[0], algorithm="SHA-256")
    refused(both.says(sha, agent="Linphone/5.1"), "AUTH_DOWNGRADE")
    caller(both.says(md5, agent="Linphone/5.1")), "the nonce says what was offered, whoever answers"


def test_what_is_no_longer_allowed_is_not_accepted_with_an_old_nonce() -> None:
    before = Scene(algorithms=("SHA-256", "MD5"), accounts={"example.org": rich()})
    after = Scene(algorithms=("SHA-256",), accounts={"example.org": rich()})
    strong, weak = (before.answer(value) for value in before.ask().values)
    refused(after.says(weak), "AUTH_DOWNGRADE")
    caller(after.says(strong))


def test_a_table_can_be_extended_and_replaced() -> None:
    more = Scene(accounts={"example.org": rich()}, agents=[("ACME", ("SHA-256",)), *AGENTS])
    assert offered(more, agent="acme phone/1.0 (linphone)") == ["SHA-256"], "the first row that fits"
    assert offered(more, agent="Linphone/5.1") == ["SHA-256", "MD5"]
    assert offered(more, agent="x") == ["MD5"]
    other = Scene(accounts={"example.org": rich()}, agents=[("old", ("MD5",))])
    assert offered(other, agent="Old Phone") == ["MD5"]
    assert offered(other, agent="x") == offered(other) == ["SHA-256", "MD5"], "who fits no row is offered all of it"
    none = Scene(accounts={"example.org": rich()}, agents=[])
    assert offered(none, agent="sipsak 0.9") == ["SHA-256", "MD5"]


def test_by_transport() -> None:
    rows = [("", ("MD5",), "TLS"), ("", ("SHA-256",), "udp tcp")]
    scene = Scene(accounts={"example.org": rich()}, agents=rows)
    assert offered(scene, flow=FakeFlow(transport="TLS")) == ["MD5"]
    for transport in ("UDP", "TCP"):
        assert offered(scene, flow=FakeFlow(transport=transport)) == ["SHA-256"]


def test_by_domain() -> None:
    domains = FakeDomains(("example.org", "example.com"))
    scene = Scene(
        accounts={"*": rich()}, domains=domains, algorithms={"example.com": ("SHA-512-256", "SHA-256"), "*": ("MD5",)}
    )
    assert offered(scene) == ["MD5"]
    assert offered(scene, to="<sip:alice@example.com>") == ["SHA-512-256", "SHA-256"]
    one = Scene(accounts={"*": rich()}, domains=domains, algorithms={"example.com": ("SHA-256",)})
    assert offered(one, agent="Linphone/5.1") == ["SHA-256", "MD5"], "nothing was said of this one"
    with pytest.raises(ConfigError, match=r"algorithms for 'elsewhere\.example', which is no domain"):
        Scene(algorithms={"elsewhere.example": ("MD5",)})


def test_user_agents_are_hostile_too() -> None:
    scene = Scene(accounts={"example.org": rich()})
    for agent in ("x" * 4000, "(" * 200, "\\", "\udcff".encode("utf-8", "surrogateescape").decode("latin-1"), "ſip.js"):
        assert offered(scene, agent=agent) == ["MD5"]
    assert offered(scene, agent="x" * LONGEST + "linphone") == ["MD5"], "so much is looked at"
    realm = scene.digest._realms["example.org"]
    for number in range(MOST_CHOSEN + 5):
        offered(scene, agent=f"phone {number}")
    assert 0 < len(realm._chosen) <= MOST_CHOSEN
    assert len(realm._offers) == 2


@pytest.mark.parametrize(
    "rows",
    [
        ["linphone"],
        [("linphone",)],
        [("linphone", ("MD4",))],
        [("linphone", ())],
        [(b"linphone", ("MD5",))],
        [("", ("MD5",), "UDP", "x")],
        [("x", ("MD5",))] * (MOST_ROWS + 1),
    ],
)
def test_rows_that_make_no_sense_stop_the_start(rows: Any) -> None:
    with pytest.raises(ConfigError, match="agents="):
        Scene(agents=rows)


def test_a_table_says_who_is_offered_what() -> None:
    table = Agents(AGENTS)
    assert len(table) == len(AGENTS)
    assert table.find(b"LINPHONE", "UDP") == ("SHA-256", "MD5")
    assert Agents(()).find(b"x", "UDP") == ()
