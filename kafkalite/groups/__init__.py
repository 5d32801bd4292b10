"""Consumer groups of the classic protocol as a pure state machine, their committed offsets, and the assignors.

May import kafkalite_wire and the standard library's pure parts.
Must not touch trio, files, clocks or randomness: time and ids are given, effects are returned.
"""
