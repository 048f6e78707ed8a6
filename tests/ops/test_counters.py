"""Counts by kind and by labels that nobody outside can choose."""

from zope.interface.verify import verifyObject

from twsip.api import IEventReader
from twsip.api.events import Event, MalformedPacket, Refused
from twsip.ops.counters import LABELS, MOST_KEYS, Counters


def test_it_is_an_event_reader():
    assert verifyObject(IEventReader, Counters())


def test_kinds_and_labels_are_counted():
    counters = Counters()
    counters.told(MalformedPacket("192.0.2.1", "UDP", 400, "no Via"))
    counters.told(MalformedPacket("192.0.2.2", "UDP", 0, "noise"))
    assert counters.counts() == {
        "MalformedPacket": 2,
        "MalformedPacket.status=0": 1,
        "MalformedPacket.status=400": 1,
        "MalformedPacket.transport=UDP": 2,
    }


def test_no_label_is_a_word_from_the_wire():
    chosen_outside = {"source", "call_id", "auth_id", "realm", "aor", "contact", "why", "host", "port", "method"}
    assert not chosen_outside.intersection(label for labels in LABELS.values() for label in labels)


def test_every_label_is_a_field_of_its_event():
    from twsip.api import events

    for kind, labels in LABELS.items():
        assert set(labels) <= set(getattr(events, kind).__dataclass_fields__), kind


def test_the_number_of_keys_is_bounded():
    counters = Counters()
    for number in range(2 * MOST_KEYS):
        counters.told(Refused(f"check {number}", "Reply", 403, "", "192.0.2.1", "UDP"))
    assert len(counters.counts()) <= MOST_KEYS + 1
    assert counters.counts()["other"] > 0
    assert counters.counts()["Refused"] == 2 * MOST_KEYS


def test_an_event_of_somebody_elses_is_counted_by_its_kind():
    class Strange(Event):
        pass

    counters = Counters()
    counters.told(Strange())
    assert counters.counts() == {"Strange": 1}
