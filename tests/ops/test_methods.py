"""What the operator's methods do to bindings and subscribers."""

import json

import pytest

from twsip.api import Binding, ConfigError
from twsip.ops import Admin, Failed, Methods


class People:
    def __init__(self):
        self.rows = {("alice", "example.org"): "secret"}

    def add(self, username, domain, password):
        if (username, domain) in self.rows:
            raise ConfigError("already there")
        self.rows[username, domain] = password

    def passwd(self, username, domain, password):
        self.remove(username, domain)
        self.rows[username, domain] = password

    def remove(self, username, domain):
        if (username, domain) not in self.rows:
            raise ConfigError("nobody")
        del self.rows[username, domain]

    def list(self):
        return list(self.rows)

    def reseal(self, deed, after):
        return {"deed": deed, "after": after}


class Bindings:
    def __init__(self):
        contact = Binding("sip:alice@192.0.2.5:5060", 1060.0, 1.0, "c1", 1, "UDP 192.0.2.5 5060", "", "phone", "")
        self.aors_ = {"sip:alice@example.org": (contact,)}
        self.committed = 0

    def get(self, aor, now):
        return tuple(one for one in self.aors_.get(aor, ()) if one.expires > now)

    def apply(self, aor, bindings, now):
        self.aors_[aor] = bindings

    def commit(self):
        self.committed += 1

    def aors(self):
        return [aor for aor, bindings in self.aors_.items() if bindings]


@pytest.fixture
def house():
    class House:
        def __init__(self):
            self.people, self.bindings, self.told = People(), Bindings(), []
            self.now = 1000.0
            self.changed = []
            self.methods = Methods(
                "example.org",
                now=lambda: self.now,
                tell=self.told.append,
                bindings=self.bindings,
                people=self.people,
                changed=lambda domain, username: self.changed.append((domain, username)),
                order=lambda: ["1 digest"],
                listening=lambda: [("UDP", "127.0.0.1", 5060)],
                counts=lambda: {"Refused": 2},
            )

    return House()


def test_kamailios_names():
    methods = Methods(
        "a", now=lambda: 0.0, tell=print, bindings=None, people=None, order=list, listening=list, counts=dict
    ).by_name()
    assert {"core.uptime", "core.version", "core.sockets_list", "stats.get_statistics"} <= set(methods)
    assert {"ul.dump", "ul.lookup", "ul.rm"} <= set(methods)


def test_a_subscriber_of_the_sites_own_domain(house):
    assert house.methods.add("bob", "", "builder") == "bob@example.org added"
    assert house.people.rows["bob", "example.org"] == "builder"


def test_a_domain_is_written_small(house):
    house.methods.add("bob", "Example.ORG", "builder")
    assert ("bob", "example.org") in house.people.rows


def test_a_new_password(house):
    assert house.methods.passwd("alice", "", "new") == "alice@example.org has a new password"
    assert house.people.rows["alice", "example.org"] == "new"


def test_every_change_of_an_account_is_told_to_the_checks(house):
    house.methods.add("bob", "", "builder")
    house.methods.passwd("bob", "EXAMPLE.org", "builder")
    house.methods.rm("bob")
    assert house.changed == [("example.org", "bob")] * 3


def test_what_was_remembered_may_be_forgotten_by_hand(house):
    assert "alice@example.com" in house.methods.by_name()["auth.flush"]("alice", "Example.COM")
    assert house.methods.flush("alice") == "what was remembered of alice@example.org is forgotten"
    assert house.changed == [("example.com", "alice"), ("example.org", "alice")]


@pytest.mark.parametrize("deed", ["seal", "unseal", "rotate"])
def test_sealing_goes_to_the_table(house, deed):
    method = house.methods.by_name()[f"subscriber.{deed}"]
    assert method() == {"deed": deed, "after": None}
    assert method(7) == method(after=7) == {"deed": deed, "after": 7}


@pytest.mark.parametrize(
    ("method", "arguments"),
    [("subscriber.add", ["alice", "", "x"]), ("subscriber.rm", ["carol"]), ("subscriber.passwd", ["carol", "", "x"])],
)
def test_what_the_table_refuses_is_told(house, method, arguments):
    request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": arguments}
    answer = json.loads(Admin(house.methods.by_name()).answer(json.dumps(request).encode()))
    assert answer["error"]["message"] in ("already there", "nobody")


def test_the_list_holds_no_secret(house):
    assert house.methods.list() == [{"username": "alice", "domain": "example.org"}]


def test_who_is_removed_is_registered_no_more(house):
    house.methods.rm("alice")
    assert house.people.rows == {}
    assert house.bindings.aors() == []
    assert [event.kind for event in house.told] == ["removed"]


@pytest.mark.parametrize("aor", ["sip:alice@example.org", "alice@example.org", "alice@EXAMPLE.org", "alice", "sips:alice@example.org"])
def test_bindings_are_found_however_the_aor_is_written(house, aor):
    found = house.methods.lookup(aor)
    assert found["aor"] == "sip:alice@example.org"
    assert found["contacts"][0]["contact"] == "sip:alice@192.0.2.5:5060"


def test_bindings_are_removed_durably_and_told(house):
    assert "1 removed" in house.methods.forget("alice")
    assert house.bindings.committed == 1
    assert house.told[0].aor == "sip:alice@example.org"
    with pytest.raises(Failed, match="no bindings"):
        house.methods.forget("alice")


def test_an_expired_binding_is_not_shown(house):
    house.now = 2000.0
    with pytest.raises(Failed, match="no bindings"):
        house.methods.lookup("alice")


def test_a_dump_says_how_many_there_are(house):
    assert house.methods.dump(0) == {"total": 1, "aors": []}
    assert house.methods.dump()["aors"][0]["aor"] == "sip:alice@example.org"


def test_a_site_without_stores_says_so():
    methods = Methods(
        "a", now=lambda: 0.0, tell=print, bindings=None, people=None, order=list, listening=list, counts=dict
    )
    with pytest.raises(Failed, match="subscribers="):
        methods.list()
    with pytest.raises(Failed, match="bindings="):
        methods.dump()


def test_uptime_counts_from_the_start(house):
    house.now = 1010.0
    assert house.methods.uptime() == {"now": 1010.0, "up_since": 1000.0, "uptime": 10.0}
