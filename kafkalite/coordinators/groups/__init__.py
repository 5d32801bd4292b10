"""The group coordinator: committed offsets, and the kinds of groups.

Pure: may import the protocol's messages and the coordinator results. Must not import storage, trio or a clock.
"""
