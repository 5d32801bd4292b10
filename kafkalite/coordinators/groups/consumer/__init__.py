"""Consumer groups (KIP-848): the broker assigns partitions, and each member reconciles on its own.

Pure: may import the protocol's messages, the coordinator results, and what groups of all kinds share.
"""
