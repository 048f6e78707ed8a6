"""A clock that exists only on paper, and a reader of expectation grids, for the tests of the four machines."""

import heapq

import pytest

from twsip.sip.transaction import NEVER, Input, State, timer_input

TIMERS = "ABDEFGHIJKLM"


class Line:
    """Runs one machine on a virtual clock, as the engine would, and writes down when it asks for what."""

    def __init__(self, machine):
        self.machine = machine
        self.now = 0.0
        self.log = []
        self._due = []
        self._number = 0

    def feed(self, event):
        """Give the machine one input now; then fire what is due at once."""
        self._step(event)
        self._fire(self.now)

    def at(self, when, event):
        """Let time pass until then, and give the machine one input."""
        self.run(when)
        self.feed(event)

    def run(self, until=1e9):
        """Let time pass; by default until no timer is left."""
        self._fire(until)
        self.now = until

    def when(self, act):
        """The instants at which the machine asked for this act, or ended ("END")."""
        return [instant for instant, what in self.log if what == act]

    def _fire(self, until):
        while self._due and self._due[0][0] <= until:
            self.now, _, event = heapq.heappop(self._due)
            self._step(event)

    def _step(self, event):
        alive = not self.machine.ended
        for act in self.machine.on(event):
            if act.name.startswith("START_"):
                delay = self.machine.delay(act)
                assert delay == NEVER or delay >= 0.0
                if delay != NEVER:
                    self._number += 1
                    heapq.heappush(self._due, (self.now + delay, self._number, timer_input(act)))
            else:
                self.log.append((self.now, act.name))
        if alive and self.machine.ended:
            self.log.append((self.now, "END"))


def cells(grid):
    """Read a grid: a head line of states, one line for each input; a cell is "." or next:act+act ("=" is no change).

    In an act a lone letter is the start of that timer.  Every input must have its line.
    """
    head, *lines = [line.split() for line in grid.strip().splitlines()]
    expected = {}
    for name, *row in lines:
        assert len(row) == len(head), name
        for state, cell in zip(head, row, strict=True):
            after, _, acts = ("=", "", "") if cell == "." else cell.partition(":")
            names = tuple(f"START_{act}" if act in TIMERS else act for act in acts.split("+") if act)
            expected[State[state], Input[name]] = State[state if after == "=" else after], names
    assert {event for _, event in expected} == set(Input)
    return expected


@pytest.fixture
def line():
    return Line


@pytest.fixture
def walk():
    """Check one (state, input) pair of a machine against a grid; states that the grid leaves out ignore everything."""

    def check(machine, grid, state, event):
        after, acts = cells(grid).get((state, event), (state, ()))
        machine.state = state
        assert tuple(act.name for act in machine.on(event)) == acts
        assert machine.state is after
        assert machine.ended is (after is State.TERMINATED)

    return check
