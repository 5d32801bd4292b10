"""Streams groups (KIP-1071): the broker assigns the tasks of a Kafka Streams application to its members.

Pure: may import the protocol's messages, the coordinator results, and what groups of all kinds share.
"""
