"""The file-backed log: partitions with segments and indexes, and the catalogue of topics, in Kafka's files.

May import kafkalite_wire and use the file system it is given (`filesystem`).
Must not import trio, sockets or kafkalite, nor read a clock: `now_ms` is always passed in.
"""
