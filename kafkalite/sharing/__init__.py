"""Share groups at the leader of a partition (KIP-932): which record is with which member, and what became of it.

May import the coordinators, the fetch package and the storage. Must not know how members get their partitions.
"""
