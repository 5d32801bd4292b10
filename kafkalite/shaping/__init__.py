"""Shaping of connections at the level of bytes: latency, bandwidth, slices, time-outs, resets, up- and downstream.

``toxics.py`` declares what can happen to a stream, and ``stream.py`` applies it to one direction of a connection; both
are pure. ``link.py`` moves the bytes between two sockets. Nothing here knows Kafka, and nothing is imported before a
connection is to be shaped.
"""
