"""The response context (RFC 3261 section 16.7): told as a table of what the branches said and what went upstream."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from twsip.sip import names
from twsip.sip.message import Response
from twsip.sip.parser import parse
from twsip.sip.proxy.response import Effect, ResponseContext, Step


def response(status: int, *more: str, method: str = "INVITE") -> Response:
    lines = [
        f"SIP/2.0 {status} Whatever",
        "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKours",
        "Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKa1",
        "From: <sip:alice@example.org>;tag=a",
        "To: <sip:bob@example.org>;tag=b",
        "Call-ID: c1",
        f"CSeq: 1 {method}",
        *more,
        "Content-Length: 0",
        "",
        "",
    ]
    found = parse("\r\n".join(lines).encode())
    assert isinstance(found, Response), found
    return found


def short(effects: list[Effect]) -> list[str]:
    """Effects as short as "forward 200", "cancel 1", "next", "answer 408", "silent"."""
    words = []
    for effect in effects:
        if effect.step in (Step.FORWARD, Step.ANSWER):
            words.append(f"{effect.step.name.lower()} {effect.status}")
        elif effect.step is Step.CANCEL:
            words.append(f"cancel {effect.branch}")
        else:
            words.append(effect.step.name.lower())
    return words


def play(invite: bool, story: str) -> list[str]:
    """Run a story such as "start 0 1; 0 180; 1 486; 0 fails 408; cancel; groups 1"; what it caused, in order."""
    context = ResponseContext(invite)
    said: list[str] = []
    for step in story.split(";"):
        words = step.split()
        if words[0] == "start":
            for word in words[1:]:
                context.started(int(word))
        elif words[0] == "groups":
            context.groups_left = int(words[1])
        elif words[0] == "cancel":
            said += short(context.cancel())
        elif words[1] == "fails":
            said += short(context.failed(int(words[0]), int(words[2])))
        else:
            said += short(context.answered(int(words[0]), response(int(words[1]))))
    return said


INVITES = [
    # provisional ones go on, but not 100, and none after a final one
    ("start 0; 0 100; 0 180; 0 183; 0 200", ["forward 180", "forward 183", "forward 200"]),
    ("start 0 1; 0 200; 1 180", ["forward 200", "cancel 1"]),
    # a 2xx goes at once, cancels the others, and every further 2xx goes too
    ("start 0 1 2; 1 200; 0 200; 1 200; 2 487", ["forward 200", "cancel 0", "cancel 2", "forward 200", "forward 200"]),
    ("start 0 1; 0 486; 1 200", ["forward 200"]),
    # the first final one waits for the others
    ("start 0 1; 0 486", []),
    # lowest class, then what tells most, then the lowest code
    ("start 0 1; 0 486; 1 404", ["forward 404"]),
    ("start 0 1; 0 500; 1 404", ["forward 404"]),
    ("start 0 1; 0 404; 1 302", ["forward 302"]),
    ("start 0 1; 0 404; 1 484", ["forward 484"]),
    ("start 0 1; 0 486; 1 420", ["forward 420"]),
    ("start 0 1; 0 415; 1 407", ["forward 407"]),
    ("start 0 1; 0 401; 1 302", ["forward 302"]),
    ("start 0 1; 0 486; 1 486", ["forward 486"]),
    # a 6xx beats all but a 2xx, cancels what is pending and waits for it; nothing new is started
    ("start 0 1 2; 1 603; 0 487; 2 487", ["cancel 0", "cancel 2", "forward 603"]),
    ("start 0 1; 1 603; 0 200", ["cancel 0", "forward 200"]),
    ("start 0 1; 1 603; 0 302", ["cancel 0", "forward 603"]),
    ("start 0 1; 1 606; 0 600", ["cancel 0", "forward 600"]),
    ("groups 1; start 0; 0 603", ["forward 603"]),
    ("start 0 1; 0 603; 1 fails 487", ["cancel 1", "forward 603"]),
    ("start 0 1; 0 404; 1 603", ["forward 603"]),
    # a 503 goes on only where all said it
    ("start 0; 0 503", ["forward 503"]),
    ("start 0 1; 0 503; 1 503", ["forward 503"]),
    ("start 0 1; 0 503; 1 fails 503", ["forward 503"]),
    ("start 0 1; 0 503; 1 504", ["answer 500"]),
    ("start 0 1; 0 503; 1 fails 500", ["answer 500"]),
    ("start 0 1; 0 503; 1 486", ["forward 486"]),
    # serial forking: the next group when one is through, none after a 2xx
    ("groups 2; start 0; 0 486; start 1; 1 fails 408; start 2; 2 404", ["next", "next", "forward 404"]),
    ("groups 1; start 0; 0 200", ["forward 200"]),
    ("groups 1; start 0 1; 0 486; 1 486; start 2; 2 200", ["next", "forward 200"]),
    # what we found ourselves
    ("start 0; 0 fails 408", ["answer 408"]),
    ("start 0; 0 fails 500", ["answer 500"]),
    ("start 0; 0 fails 503", ["answer 503"]),
    ("start 0; 0 fails 473", ["answer 473"]),
    ("start 0 1; 0 fails 408; 1 fails 473", ["answer 473"]),
    ("start 0 1; 0 fails 473; 1 fails 408", ["answer 473"]),
    ("start 0 1; 0 fails 473; 1 408", ["answer 473"]),
    ("start 0 1; 0 fails 473; 1 486", ["forward 486"]),
    ("start 0 1; 0 fails 473; 1 302", ["forward 302"]),
    ("start 0 1; 0 fails 473; 1 500", ["answer 473"]),
    ("start 0 1; 0 fails 473; 1 603", ["forward 603"]),
    # section 16.8: silence counts as a 408, which comes before a 5xx
    ("start 0 1; 0 fails 408; 1 500", ["answer 408"]),
    ("start 0 1; 0 503; 1 fails 408", ["answer 408"]),
    ("start 0 1; 0 fails 408; 1 486", ["forward 486"]),
    ("start 0 1; 0 fails 503; 1 486", ["forward 486"]),
    ("start 0; 0 408", ["forward 408"]),
    # the caller gives up
    ("start 0 1; cancel; 0 487; 1 487", ["cancel 0", "cancel 1", "forward 487"]),
    ("groups 1; start 0; cancel; 0 487", ["cancel 0", "forward 487"]),
    ("start 0; cancel; 0 fails 487", ["cancel 0", "answer 487"]),
    ("start 0; cancel; 0 fails 408", ["cancel 0", "answer 487"]),
    ("start 0; cancel; 0 200", ["cancel 0", "forward 200"]),
    ("start 0 1; 0 486; cancel; 1 487", ["cancel 1", "forward 486"]),
    ("start 0; cancel; 0 180; 0 487", ["cancel 0", "forward 180", "forward 487"]),
    # repeats and strangers change nothing
    ("start 0; 0 486; 0 486; 0 603; 0 fails 408", ["forward 486"]),
    ("start 0; 7 486; 0 404", ["forward 404"]),
]

OTHERS = [
    ("start 0; 0 200", ["forward 200"]),
    # nothing is cancelled, and one 2xx is enough
    ("start 0 1; 0 200; 1 200", ["forward 200"]),
    ("start 0 1; 0 603; 1 404", ["forward 603"]),
    ("start 0 1; cancel; 0 404; 1 486", ["forward 404"]),
    # RFC 4320: no provisional ones, and never a 408
    ("start 0; 0 183; 0 404", ["forward 404"]),
    ("start 0; 0 408", ["silent"]),
    ("start 0; 0 fails 408", ["silent"]),
    ("start 0 1; 0 408; 1 fails 408", ["silent"]),
    ("start 0 1; 0 408; 1 500", ["forward 500"]),
    ("start 0 1; 0 fails 408; 1 500", ["forward 500"]),
    ("start 0 1; 0 408; 1 503", ["answer 500"]),
    ("start 0 1; 0 408; 1 fails 473", ["answer 473"]),
    ("start 0; 0 fails 503", ["answer 503"]),
    ("groups 1; start 0; 0 408; start 1; 1 404", ["next", "forward 404"]),
]


@pytest.mark.parametrize(("story", "said"), INVITES)
def test_an_invite(story: str, said: list[str]) -> None:
    assert play(True, story) == said


@pytest.mark.parametrize(("story", "said"), OTHERS)
def test_another_request(story: str, said: list[str]) -> None:
    assert play(False, story) == said


def test_what_goes_upstream_is_what_came_without_our_via() -> None:
    context = ResponseContext(True)
    context.started(0)
    (effect,) = context.answered(0, response(486, "Reason: Q.850;cause=17"))
    back = parse(effect.data)
    assert isinstance(back, Response)
    assert back.status == 486
    assert back.values(names.VIA) == [b"SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKa1"]
    assert back.text("reason") == "Q.850;cause=17"
    assert effect.branch == -1
    assert repr(effect) == "<FORWARD branch -1 status 486>"


A = 'Digest realm="a", nonce="1"'
B = 'Digest realm="b", nonce="2"'
C = 'Digest realm="c", nonce="3"'


@pytest.mark.parametrize(
    ("first", "second", "status", "www", "proxy"),
    [
        ((401, f"WWW-Authenticate: {A}"), (401, f"WWW-Authenticate: {B}"), 401, [A, B], []),
        ((407, f"Proxy-Authenticate: {A}"), (401, f"www-authenticate: {B}"), 401, [B], [A]),
        ((407, f"Proxy-Authenticate: {A}", f"Proxy-Authenticate: {B}"), (407, f"Proxy-Authenticate: {C}"), 407, [], [A, B, C]),
        ((407, f"Proxy-Authenticate: {A}"), (407, f"Proxy-Authenticate: {A}"), 407, [], [A]),
        ((407, f"Proxy-Authenticate: {A}"), (404,), 407, [], [A]),
        ((407, f"Proxy-Authenticate: {A}"), (302,), 302, [], []),
        ((407, f"Proxy-Authenticate: {A}"), (403, f"Proxy-Authenticate: {B}"), 407, [], [A]),
    ],
)  # fmt: skip
def test_every_challenge_reaches_the_caller(
    first: tuple[int, str], second: tuple[int, str], status: int, www: list[str], proxy: list[str]
) -> None:
    context = ResponseContext(True)
    context.started(0)
    context.started(1)
    assert context.answered(0, response(first[0], *first[1:])) == []
    (effect,) = context.answered(1, response(second[0], *second[1:]))
    back = parse(effect.data, stream=True)
    assert isinstance(back, Response)
    assert back.status == effect.status == status
    assert [value.decode() for value in back.values(names.WWW_AUTHENTICATE)] == www
    assert [value.decode() for value in back.values(names.PROXY_AUTHENTICATE)] == proxy


def test_challenges_have_a_bound() -> None:
    context = ResponseContext(True)
    for branch in range(3):
        context.started(branch)
    for branch in range(3):
        effects = context.answered(branch, response(407, *[f"Proxy-Authenticate: {A}{branch}.{at}" for at in range(30)]))
    back = parse(effects[0].data)
    assert isinstance(back, Response)
    assert len(back.values(names.PROXY_AUTHENTICATE)) == 32


EVENTS = st.lists(
    st.tuples(st.integers(0, 3), st.sampled_from([0, 180, 200, 302, 404, 407, 408, 473, 487, 500, 503, 603])), max_size=20
)


@given(st.booleans(), EVENTS, st.integers(0, 3), st.booleans())
@example(True, [(0, 0), (1, 0), (2, 0), (0, 180)], 1, False)  # a ring of a branch that had failed
def test_at_most_one_answer_that_is_no_2xx_to_an_invite(
    invite: bool, events: list[tuple[int, int]], groups: int, cancelled: bool
) -> None:
    """Whatever comes in whatever order: one final answer, nothing after it but a 2xx, and an end when all are through."""
    context = ResponseContext(invite)
    context.groups_left = groups
    for branch in range(3):
        context.started(branch)
    effects = context.cancel() if cancelled else []
    for branch, status in events:
        effects += context.failed(branch, 408) if status == 0 else context.answered(branch, response(status))
    for branch in sorted(context.pending):
        effects += context.failed(branch, 408)
    while not context.done:
        assert effects[-1].step is Step.NEXT
        context.started(9)
        effects += context.failed(9, 408)
    finals = [one for one in effects if one.step in (Step.ANSWER, Step.SILENT) or (one.step is Step.FORWARD and one.status >= 200)]
    assert finals
    assert all(one.status // 100 == 2 and invite for one in finals[1:])
    after = effects[effects.index(finals[0]) + 1 :]
    assert all(one.step is Step.CANCEL or one.status // 100 == 2 for one in after)
    assert sum(one.step is Step.NEXT for one in effects) <= groups
    if not invite:
        assert not any(one.status == 408 or one.step is Step.CANCEL for one in effects)


def test_a_branch_that_owes_nothing_cannot_fail() -> None:
    assert play(True, "start 0; groups 1; 0 fails 502; 0 fails 502") == ["next"]
    assert play(True, "start 0 1; 0 fails 408; 0 fails 473; 1 fails 408") == ["answer 408"]
