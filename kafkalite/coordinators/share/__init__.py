"""The share coordinator: how far each share group is in each partition, in the records of ``__share_group_state``.

Pure: may import the protocol's messages and the coordinator results. Must not import storage, trio or a clock.
"""
