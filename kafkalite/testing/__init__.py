"""Kafka for tests: ``run()`` starts a broker beside the test and yields its controls, ``connect()`` those of another.

``run_proxy()`` starts a proxy in front of another.

May import the controls and everything below; only the pytest plugin may import it. The broker runs on a thread of its
own, with its own event loop. Everything here is a transport: it takes a call to where its control runs.
"""

from kafkalite.controls.controls import AsyncControls as AsyncHandle
from kafkalite.controls.controls import Controls as Handle
from kafkalite.controls.errors import (
    BrokerFailed,
    Conflict,
    InvalidRequest,
    NotFound,
    NotOnThisBroker,
    WaitTimeout,
)
from kafkalite.controls.faults.controls import Faults, InjectedFault
from kafkalite.controls.faults.fault_log import Fired
from kafkalite.controls.snapshots import Snapshot
from kafkalite.controls.views import Committed, Group, Member, Record, Topic, TopicPartition
from kafkalite.testing.connecting import connect
from kafkalite.testing.proxy import ProxyHandle, connect_to_proxy, run_proxy
from kafkalite.testing.running import run
from kafkalite.testing.token_endpoint import TokenEndpoint, token_endpoint

__all__ = [
    "AsyncHandle",
    "BrokerFailed",
    "Committed",
    "Conflict",
    "Faults",
    "Fired",
    "Group",
    "Handle",
    "InjectedFault",
    "InvalidRequest",
    "Member",
    "NotFound",
    "NotOnThisBroker",
    "ProxyHandle",
    "Record",
    "Snapshot",
    "TokenEndpoint",
    "Topic",
    "TopicPartition",
    "WaitTimeout",
    "connect",
    "connect_to_proxy",
    "run",
    "run_proxy",
    "token_endpoint",
]
