"""Classic groups, whose members join and sync, and whose leader assigns the partitions.

Pure: may import the protocol's messages and the coordinator results. Must not import storage, trio or a clock.
"""
