"""File systems (disk, memory), the cache of open file handles, and Kafka's checkpoint files.

May import `kafkalite_wire`; knows nothing of batches, segments or topics.
"""
