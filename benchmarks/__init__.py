"""The benchmark: kafkalite beside Apache Kafka and kfake, one command, one run.

May import `kafkalite_conformance` (starters, cache folder), confluent-kafka and click.
Never imports kafkalite itself: a broker here is a process and a port.
"""
