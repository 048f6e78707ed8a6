"""A check may say that the forwarded copy differs from what came: by branch, by address, and an ACK as well."""

from street import Street, answer, request
from test_relay import Bob, invite
from zope.interface import implementer

from twsip.api import PASS, Edits, IRequestCheck, RequestContext, Verdict
from twsip.sip import names
from twsip.sip.layout import places
from twsip.sip.message import Request, Response


@implementer(IRequestCheck)
class Hides:
    """Takes Subject out, puts one line in for all and one for 198.51.100.2."""

    def check(self, context: RequestContext) -> Verdict:
        assert context.edits is None
        edits = context.edit()
        assert isinstance(edits, Edits)
        assert context.edit() is edits
        edits.take(places(context.request.layout.ids, (names.SUBJECT,)))
        edits.put(b"X-All: 1")
        edits.put(b"X-Some: 2", lambda host: host == "198.51.100.2")
        return PASS


def said(message: Request | Response) -> list[str | None]:
    return [message.text(name) for name in ("Subject", "X-All", "X-Some")]


def test_each_copy_says_what_is_meant_for_its_address() -> None:
    one, two = "198.51.100.1:5070", "198.51.100.2:5070"
    street = Street(requests=[Hides()], bindings=Bob((f"sip:bob@{one}", 1.0), (f"sip:bob@{two}", 1.0)))
    street.hears(invite().replace(b"CSeq", b"Subject: secret\r\nCSeq", 1))
    sent = dict(street.sent())
    assert said(sent[one]) == [None, "1", None]
    assert said(sent[two]) == [None, "1", "2"]
    assert [line[:3] for line in sent[two].lines[:4]] == [b"Via", b"Rec", b"X-A", b"X-S"]


def test_the_next_address_of_a_branch_gets_its_own_copy() -> None:
    street = Street(requests=[Hides()])
    street.resolver.twins["far.example"] = ["198.51.100.2", "198.51.100.1"]
    street.hears(request("MESSAGE", "sip:bob@far.example", "Subject: secret"))
    ((where, first),) = street.sent()
    assert (where, said(first)) == ("198.51.100.2:5060", [None, "1", "2"])
    assert isinstance(first, Request)
    street.hears(answer(first, 503), "198.51.100.2")
    ((where, second),) = street.sent()
    assert (where, said(second)) == ("198.51.100.1:5060", [None, "1", None])


def test_an_ack_goes_on_without_what_is_taken_and_with_nothing_put_in() -> None:
    street = Street(requests=[Hides()])
    street.hears(request("ACK", "sip:bob@198.51.100.2", "Subject: secret", to="<sip:bob@example.org>;tag=b"))
    ((_, ack),) = street.sent()
    assert said(ack) == [None, None, None]
