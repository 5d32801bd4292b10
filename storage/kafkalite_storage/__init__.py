"""The file-backed log of a broker, in Kafka's own files: `Storage` is the entry, storage/README.md the map.

May import `kafkalite_wire` and use the file system it is given. Must not import trio, sockets or `kafkalite`, nor read
a clock: `now_ms` is a parameter.
"""
