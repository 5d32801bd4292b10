"""Snapshots of a data directory: taken, restored, forked and saved.

May import the rest of storage but `compaction` and `inspection`; of the rest only `Storage` imports it.
"""
