"""Reading for consumers: fetch sessions (KIP-227), the reader of partitions, and fetches that wait.

May import storage and wire. Must not touch trio, clocks or randomness: the time and new ids come from outside.
"""
