"""How fast the log is, beside what the disk allows and beside Kafka: `python -m benchmarks.storage`.

An experiment is a function that measures one thing together with its peer, in turns, and returns lines of the table.
"""
