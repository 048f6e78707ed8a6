"""Bindings are values."""

from twsip.sip.binding import Binding


def binding(**changes: object) -> Binding:
    fields: dict[str, object] = {
        "contact": "sip:a@192.0.2.9",
        "expires": 100.0,
        "q": 1.0,
        "call_id": "c",
        "cseq": 1,
        "received": "",
        "path": "",
        "user_agent": "",
        "instance": "",
    }
    return Binding(**{**fields, **changes})  # type: ignore[arg-type]


def test_equal_when_every_field_is() -> None:
    assert binding() == binding()
    assert hash(binding()) == hash(binding())
    for name, value in [
        ("contact", "sip:b@h"),
        ("expires", 1.0),
        ("q", 0.5),
        ("cseq", 2),
        ("reg_id", 1),
        ("changed", 3.0),
    ]:
        assert binding() != binding(**{name: value})
    assert binding() != "sip:a@192.0.2.9"


def test_can_be_printed() -> None:
    assert repr(binding()) == "Binding('sip:a@192.0.2.9', expires=100.0, q=1.0)"
