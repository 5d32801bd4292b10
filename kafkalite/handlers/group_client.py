"""Describe a client to the group coordinator."""

from __future__ import annotations

from kafkalite.coordinators.results import Client
from kafkalite.requests.context import RequestContext


def client_of(context: RequestContext) -> Client:
    """Return what groups keep of their members' clients."""
    return Client(client_id=context.client_id, client_host=context.client_host, api_version=context.api_version)
