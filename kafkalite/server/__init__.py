"""Connections: accept, frame, dispatch, reply in order.

May import handlers, the coordinators, storage, wire and trio. Parses nothing by hand but the length of a frame.
"""
