"""Quotas of clients and limits of connections: how much each may have, how much it has had, and how long it waits.

Pure: times are parameters. May import the request pipeline and wire; no sockets, no trio, no clocks.
"""
