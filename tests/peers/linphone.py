"""linphonec, another real user agent, driven through its standard input."""

from .program import Program, wait_until
from .scene import Scene
from .sipp import PASSWORDS

RC = """[sip]
sip_port={port}
sip_tcp_port={port}
sip_tls_port={tls_port}
verify_server_certs=0
verify_server_cn=0
guess_hostname=0
default_proxy=0
[sound]
playback_dev_id=none
ringer_dev_id=none
capture_dev_id=none
[video]
enabled=0
capture=0
display=0
automatically_initiate=0
automatically_accept=0
[proxy_0]
reg_proxy=<sip:127.0.0.1:5060;transport=udp>
reg_identity=sip:{user}@127.0.0.1
reg_expires=60
reg_sendregister=1
publish=0
[auth_info_0]
username={user}
passwd={password}
realm=127.0.0.1
"""


class Linphone:
    """One running linphonec, with a new configuration: it would keep what it learned of the digest algorithm."""

    def __init__(self, scene: Scene, user: str, port: int, *, answers: bool = False) -> None:
        self.user = user
        folder = scene.folder / f"linphone-{user}"
        # Without this folder it opens no port at all.
        (folder / ".local/share/linphone").mkdir(parents=True)
        rc = RC.format(user=user, password=PASSWORDS[user], port=port, tls_port=port + 10)
        (folder / "rc").write_text(rc)
        command = ["linphonec", "-c", str(folder / "rc"), "-d", "0", *(["-a"] if answers else [])]
        home = {"HOME": str(folder), "XDG_DATA_HOME": str(folder / ".local/share")}
        home |= {"XDG_CONFIG_HOME": str(folder / ".config")}
        self.program: Program = scene.start(f"linphone-{user}", command, home, folder=folder, talks=True)

    def tell(self, command: str) -> None:
        """Type a command."""
        self.program.write(command)

    def asked(self, command: str, answer: str, within: float = 15) -> None:
        """Type a command again and again until its answer has this text."""
        asked = 0

        def says() -> bool:
            nonlocal asked
            if asked % 10 == 0:
                self.tell(command)
            asked += 1
            return answer in self.program.text()

        wait_until(says, within, f"{self.user} says {answer!r} to {command!r}", self.program.tail)

    def registered(self) -> None:
        """Wait until the registrar let it in."""
        self.asked("status register", "registered, identity=")
