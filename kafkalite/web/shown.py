"""Topics, records, groups and faults as JSON, so that one expression in any language finds what a test asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kafkalite.record_json import member

if TYPE_CHECKING:
    from kafkalite.controls.faults.firings import Fired
    from kafkalite.testing.handles.faults import InjectedFault
    from kafkalite.testing.model.views import Group, Member, Record, Topic
    from kafkalite.web.json_values import Json


def topic(view: Topic) -> Json:
    """Show a topic."""
    return {
        "name": view.name,
        "partitions": view.partitions,
        "start_offsets": list(view.start_offsets),
        "end_offsets": list(view.end_offsets),
    }


def record(view: Record) -> Json:
    """Show a record; what is no UTF-8 stands in base64 under ``value_base64`` or ``key_base64``."""
    return {
        "topic": view.topic,
        "partition": view.partition,
        "offset": view.offset,
        "timestamp": view.timestamp,
        **member("key", view.key),
        **member("value", view.value),
        "headers": [{"name": name, **member("value", value)} for name, value in view.headers],
    }


def group(view: Group) -> Json:
    """Show a group; partitions are named ``topic-partition``, and their owners by client id."""
    return {
        "group": view.group_id,
        "state": view.state,
        "generation": view.generation,
        "protocol": view.protocol,
        "lag": view.lag,
        "owners": {str(partition): owner.client_id for partition, owner in sorted(view.owners.items())},
        "committed": {
            str(partition): {
                "offset": committed.offset,
                "end_offset": committed.end_offset,
                "lag": committed.lag,
                "metadata": committed.metadata,
            }
            for partition, committed in sorted(view.committed.items())
        },
        "members": [_member(member) for member in view.members],
    }


def _member(view: Member) -> Json:
    return {
        "member_id": view.member_id,
        "client_id": view.client_id,
        "group_instance_id": view.group_instance_id,
        "client_host": view.client_host,
        "topics": sorted(view.topics),
        "assignment": [str(partition) for partition in sorted(view.assignment)],
    }


def fault(injected: InjectedFault) -> Json:
    """Show a fault, and what it has done so far."""
    return {
        "name": injected.name,
        "does": injected.at_work.does,
        "held": injected.held,
        "fired": [fired(each) for each in injected.fired],
    }


def fired(view: Fired) -> Json:
    """Show what a fault did to a request."""
    return {
        "number": view.number,
        "rule": view.rule,
        "did": view.did,
        "api": view.api,
        "api_version": view.api_version,
        "client_id": view.client_id,
        "connection": view.connection,
        "correlation_id": view.correlation_id,
        "about": list(view.about),
        "at": view.at,
        "released": view.released,
    }
