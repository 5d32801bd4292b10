"""Kafka for tests: ``run()`` starts a broker beside the test, and gives a handle to look at it and to steer it.

Near the top: may import everything below; only the pytest plugin, `kafkalite.web` and the command line may import it.
Broker and clients stay apart: the broker runs on its own thread, with its own event loop. `handles` are what a test
holds; `in_process`, `external` and `over_http` the kinds of broker that they stand on; `model` what all of these
speak in.
"""

from kafkalite.controls.faults.firings import Fired
from kafkalite.testing.connecting import connect
from kafkalite.testing.handles.faults import Faults, InjectedFault
from kafkalite.testing.handles.handle import AsyncHandle, Handle, Snapshot
from kafkalite.testing.model.errors import BrokerFailed, NotInTime, NotOnThisBroker, NotPossible, NotThere
from kafkalite.testing.model.views import Committed, Group, Member, Record, Topic, TopicPartition
from kafkalite.testing.running import run

__all__ = [
    "AsyncHandle",
    "BrokerFailed",
    "Committed",
    "Faults",
    "Fired",
    "Group",
    "Handle",
    "InjectedFault",
    "Member",
    "NotInTime",
    "NotOnThisBroker",
    "NotPossible",
    "NotThere",
    "Record",
    "Snapshot",
    "Topic",
    "TopicPartition",
    "connect",
    "run",
]
