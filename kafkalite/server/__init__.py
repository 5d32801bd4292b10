"""Connections: accept, cut bytes into frames, hand them to the request pipeline, send responses in order.

May import the request pipeline, the timer queue, wire and trio. Must not parse more of a frame than its length.
"""
