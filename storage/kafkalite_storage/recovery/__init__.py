"""Bring the files of a partition into a consistent state when its log is opened.

May import `files`, `segment` and `state`; the log calls it, never the other way round.
"""
