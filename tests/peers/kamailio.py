"""Kamailio 5.6: a hop before or behind twsip, and a stand-in for twsip when a scenario itself is in doubt."""

import sqlite3
from pathlib import Path

from .cage import Cage
from .program import Program

MODULES = next(Path("/usr/lib").glob("*/kamailio/modules"), Path("/usr/lib/kamailio/modules"))
TABLES = Path("/usr/share/kamailio/db_sqlite")

COMMON = """#!KAMAILIO
debug=2
log_stderror=yes
fork=yes
children=2
tcp_children=2
auto_aliases=no
mpath="{modules}/"
loadmodule "kex.so"
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "maxfwd.so"
loadmodule "textops.so"
loadmodule "siputils.so"
"""

HOP = """listen=udp:{host}:5060
listen=tcp:{host}:5060
request_route {{
  if (!mf_process_maxfwd_header("10")) {{ sl_send_reply("483", "Too Many Hops"); exit; }}
  if (is_method("OPTIONS") && uri==myself && $rU==$null) {{ sl_send_reply("200", "OK"); exit; }}
  if (has_totag()) {{
    if (loose_route()) {{ t_relay(); exit; }}
    if (is_method("ACK")) {{ if (t_check_trans()) t_relay(); exit; }}
    sl_send_reply("404", "Not here");
    exit;
  }}
  if (is_method("CANCEL")) {{ if (t_check_trans()) t_relay(); exit; }}
  record_route();
  $ru = "{to}";
  t_relay();
}}
"""

REGISTRAR = """listen=udp:127.0.0.1:5060
listen=tcp:127.0.0.1:5060
enable_tls=yes
listen=tls:127.0.0.1:5061
loadmodule "tls.so"
loadmodule "db_sqlite.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
loadmodule "auth.so"
loadmodule "auth_db.so"
modparam("tls", "tls_method", "TLSv1.2+")
modparam("tls", "private_key", "{folder}/server.key")
modparam("tls", "certificate", "{folder}/server.pem")
modparam("tm", "contacts_avp", "i:705")
modparam("tm", "contact_flows_avp", "i:706")
modparam("usrloc", "db_mode", 1)
modparam("usrloc", "use_domain", 1)
modparam("usrloc|auth_db", "db_url", "sqlite:///{folder}/kamailio.db")
modparam("auth_db", "calculate_ha1", 1)
modparam("auth_db", "password_column", "password")
modparam("auth_db", "use_domain", 1)
request_route {{
  if (!mf_process_maxfwd_header("10")) {{ sl_send_reply("483", "Too Many Hops"); exit; }}
  if (is_method("OPTIONS") && uri==myself && $rU==$null) {{ sl_send_reply("200", "OK"); exit; }}
  if (has_totag()) {{
    if (loose_route()) {{ t_relay(); exit; }}
    if (is_method("ACK")) {{ if (t_check_trans()) t_relay(); exit; }}
    sl_send_reply("404", "Not here");
    exit;
  }}
  if (is_method("CANCEL")) {{ if (t_check_trans()) t_relay(); exit; }}
  if (is_method("REGISTER")) {{
    if (!www_authenticate("$td", "subscriber")) {{ www_challenge("$td", "1"); exit; }}
    save("location");
    exit;
  }}
  if ($si != "127.0.0.5" && !proxy_authenticate("$fd", "subscriber")) {{ proxy_challenge("$fd", "1"); exit; }}
  consume_credentials();
  record_route();
  if (uri!=myself) {{ t_relay(); exit; }}
  if (!lookup("location")) {{ sl_send_reply("404", "Not Found"); exit; }}
  t_on_failure("NEXT");
  t_load_contacts();
  t_next_contacts();
  t_relay();
}}
failure_route[NEXT] {{
  if (t_is_canceled()) exit;
  if (t_next_contacts()) {{ t_on_failure("NEXT"); t_relay(); }}
}}
"""


def _start(cage: Cage, folder: Path, name: str, config: str) -> Program:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.cfg").write_text(config)
    command = ["kamailio", "-DD", "-E", "-f", f"{folder}/{name}.cfg", "-m", "32", "-M", "8"]
    return Program(
        name, [*command, "-P", f"{folder}/{name}.pid", "-w", str(folder), "-Y", str(folder)], folder, run=cage.run
    )


def start_hop(cage: Cage, folder: Path, host: str, to: str) -> Program:
    """A Kamailio at host:5060 that record-routes every new request and sends it on to the URI `to`."""
    return _start(cage, folder, "kamailio-hop", COMMON.format(modules=MODULES) + HOP.format(host=host, to=to))


def start_registrar(cage: Cage, folder: Path, subscribers: dict[str, str]) -> Program:
    """A Kamailio that does what twsip should, at 127.0.0.1; the folder holds server.pem and server.key."""
    database = folder / "kamailio.db"
    if not database.exists():
        with sqlite3.connect(database) as tables:
            for part in ("standard", "auth_db", "usrloc"):
                tables.executescript((TABLES / f"{part}-create.sql").read_text())
            for user, password in subscribers.items():
                row = (user, "127.0.0.1", password)
                tables.execute("INSERT INTO subscriber (username, domain, password) VALUES (?, ?, ?)", row)
        tables.close()
    config = COMMON.format(modules=MODULES) + REGISTRAR.format(folder=folder)
    return _start(cage, folder, "kamailio", config)
