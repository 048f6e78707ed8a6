"""A turn: keep first, send afterwards, and let nobody's mistake stop the house."""

from typing import Any

from twsip.api.events import CheckBroke, Event, LimitReached
from twsip.transport.turns import Bound, Turns


class Scene:
    """A receiver and an outlet in one, writing one story."""

    def __init__(self, *raises: str) -> None:
        self.raises = raises
        self.story: list[str] = []
        self.events: list[Event] = []
        receiver: Any = self
        self.turns = Turns(receiver, self.events.append)

    def _act(self, what: str) -> None:
        self.story.append(what)
        if what in self.raises:
            raise RuntimeError("boom")

    def turn_ends(self) -> None:
        self._act("turn ends")
        self.turns.end()

    def flow_broke(self, flow: Any, why: str, quoted: bytes) -> None:
        self.turns.pending.append(self)
        self._act("broke")
        self.turns.end()

    def flush(self) -> None:
        self._act("flush")

    def drop(self) -> None:
        self._act("drop")


def test_what_is_pending_leaves_after_the_end_and_once() -> None:
    scene = Scene()
    scene.turns.pending.append(scene)
    scene.turns.end()
    scene.turns.end()
    assert scene.story == ["turn ends", "flush", "turn ends"]


def test_within_a_batch_nothing_ends() -> None:
    scene = Scene()
    scene.turns.inside = True
    scene.turns.end()
    assert scene.story == []


def test_what_cannot_be_kept_is_dropped_and_told_and_the_next_turn_is_well() -> None:
    scene = Scene("turn ends")
    scene.turns.pending.append(scene)
    scene.turns.end()
    assert scene.story == ["turn ends", "drop"]
    assert [type(event) for event in scene.events] == [CheckBroke]
    scene.raises = ()
    scene.turns.pending.append(scene)
    scene.turns.end()
    assert scene.story[2:] == ["turn ends", "flush"]


def test_a_broken_flow_has_a_turn_of_its_own_even_if_its_teller_raises() -> None:
    for scene in (Scene(), Scene("broke")):
        scene.turns.flow_broke(None, "gone")  # type: ignore[arg-type]
        assert scene.story == ["broke", "turn ends", "flush"]
        assert len(scene.events) == len(scene.raises)


def test_a_flow_that_breaks_within_a_batch_waits_for_its_end() -> None:
    scene = Scene()
    scene.turns.inside = True
    scene.turns.flow_broke(None, "gone")  # type: ignore[arg-type]
    assert scene.story == ["broke"]
    assert scene.turns.inside


def test_a_bound_is_told_at_most_once_a_second_even_if_the_clock_goes_back() -> None:
    events: list[Event] = []
    now = [10.0]
    bound = Bound("things", 5, "drop", events.append, lambda: now[0])
    for moment in (10.0, 10.5, 10.99, 11.0, 3.0, 3.5):
        now[0] = moment
        bound.met()
    assert events == [LimitReached("things", 5, "drop")] * 3
