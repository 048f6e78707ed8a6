"""How twistd finds us: `twistd twsip`."""

from twisted.application.service import ServiceMaker

twsip = ServiceMaker("twsip", "twsip.tap", "A SIP registrar and proxy.", "twsip")
