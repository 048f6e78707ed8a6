"""What third parties import: verdicts, context, facts, events, interfaces.  Semantic versioning holds here."""

from ..sip.message import Request, Response
from ..sip.proxy.edits import Edits
from ..sip.uri import Uri
from .accounts import Account, Binding
from .answer import Answer, Relay
from .context import Arrival, Domains, Facts, Flow, RequestContext, local_aor
from .errors import (
    BackendDown,
    ConfigError,
    SealBroken,
    TransportFailed,
    TwsipError,
    UnknownSubscriber,
    UsernameExpired,
    WrongResponse,
)
from .events import Event, Teller, tell_nobody
from .facts import Caller, Destination, MarkedDialog, OurDialog, Target, TLSPeer, TrustedPeer
from .interfaces import (
    IAccounts,
    IBindings,
    ICaller,
    ICheckMaker,
    IDestinationCheck,
    IEventReader,
    IHandler,
    IIdentities,
    IIngressCheck,
    IRequestCheck,
    IResolver,
    ISIPDigest,
)
from .makers import CheckMaker
from .verdict import PASS, Challenge, Drop, Pass, Reply, Verdict

__all__ = [
    "PASS",
    "Account",
    "Answer",
    "Arrival",
    "BackendDown",
    "Binding",
    "Caller",
    "Challenge",
    "CheckMaker",
    "ConfigError",
    "Destination",
    "Domains",
    "Drop",
    "Edits",
    "Event",
    "Facts",
    "Flow",
    "IAccounts",
    "IBindings",
    "ICaller",
    "ICheckMaker",
    "IDestinationCheck",
    "IEventReader",
    "IHandler",
    "IIdentities",
    "IIngressCheck",
    "IRequestCheck",
    "IResolver",
    "ISIPDigest",
    "MarkedDialog",
    "OurDialog",
    "Pass",
    "Relay",
    "Reply",
    "Request",
    "RequestContext",
    "Response",
    "SealBroken",
    "TLSPeer",
    "Target",
    "Teller",
    "TransportFailed",
    "TrustedPeer",
    "TwsipError",
    "UnknownSubscriber",
    "UsernameExpired",
    "Uri",
    "Verdict",
    "WrongResponse",
    "local_aor",
    "tell_nobody",
]
