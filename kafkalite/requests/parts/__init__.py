"""Requests and responses taken apart into what can fail on its own: partitions, topics, groups.

A *shape* knows for one API which parts a request names, how to make a request without some of them, and how to put a
response together of what a handler answered and of refusals. Shapes work on the declarations of messages, so that one
description holds for all versions. May import kafkalite_wire only.
"""
