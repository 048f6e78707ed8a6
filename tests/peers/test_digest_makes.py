"""Accounts that can do SHA-256 and MD5: each real phone gets in with the strongest that its make gets right."""

from hashlib import md5, sha256

import pytest

from tests.peers import server as servers
from tests.peers.baresip import Baresip
from tests.peers.linphone import Linphone
from tests.peers.scene import Scene
from tests.peers.server import Server
from tests.peers.sipp import PASSWORDS, Phone

BACKEND = '''

@implementer(IAccounts)
class One:
    """Everybody could have either, and each has only the one that their phone should use."""

    name = "one"
    algorithms = ("MD5", "SHA-256")
    hashes = HASHES

    def find(self, realm, auth_id):
        kind, ha1 = self.hashes.get(auth_id, ("MD5", "0" * 32))
        return Account(auth_id, realm, {{kind: ha1}})


site = Site('''

pytestmark = pytest.mark.skipif(servers.AGAINST != "twsip", reason="about twsip's own table")


def ha1(user: str, strong: bool) -> tuple[str, str]:
    text = f"{user}:127.0.0.1:{PASSWORDS[user]}".encode()
    return ("SHA-256", sha256(text).hexdigest()) if strong else ("MD5", md5(text, usedforsecurity=False).hexdigest())


@pytest.fixture
def server(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> Server:
    """alice has SHA-256 alone, bob and carol MD5 alone; the backend says that it knows both."""
    hashes = {user: ha1(user, user == "alice") for user in PASSWORDS}
    # The site file is a format: braces are doubled in it.
    backend = BACKEND.replace("HASHES", "{" + repr(hashes) + "}")
    site = servers.SITE.replace("\nsite = Site(", backend)
    site = site.replace('SQLAccounts("{folder}/twsip.db")', "One()").replace("from twsip.cred import SQLAccounts\n", "")
    head = "from zope.interface import implementer\n\nfrom twsip.api import Account, IAccounts\nfrom twsip.checks"
    monkeypatch.setattr(servers, "SITE", site.replace("from twsip.checks", head))
    return Server(scene)


def test_linphone_uses_sha_256(scene: Scene, server: Server) -> None:
    scene.cage.look_like_a_lan()
    Linphone(scene, "alice", 7300).registered()


def test_baresip_uses_md5(scene: Scene, server: Server) -> None:
    Baresip(scene, server, "bob", "127.0.0.2", 7110).registered()


def test_sipsak_uses_md5(scene: Scene, server: Server) -> None:
    who = ["-U", "-s", "sip:carol@127.0.0.1", "-u", "carol", "-a", PASSWORDS["carol"]]
    asked = ["sipsak", *who, "-C", "sip:carol@127.0.0.1:9999", "-x", "60", "-l", "7999"]
    assert scene.start("sipsak", asked).ends(10) == 0


def test_sipp_uses_md5(scene: Scene, server: Server) -> None:
    Phone(scene, "bob", "127.0.0.2", 7002, "UDP").register()
