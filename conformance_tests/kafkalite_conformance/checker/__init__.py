"""The checker: a workload under faults, and a search of its history for broken promises, on any broker.

::

    python -m kafkalite_conformance.checker --broker kafka|kafkalite|HOST:PORT --seconds 60 --seed 1

It works in the manner of Jepsen's test of Kafka. Producers, consumers and transactional copy processes run with
librdkafka, and each value is written once. A nemesis kills, pauses and restarts the broker, fences producers
and cuts connections. Every operation goes to a history with its invocation and its outcome; an outcome may be unknown.
Afterwards the history is compared with a full read of each partition.

- `history`: the operations as types, and their form as JSON lines;
- `analysis/`: the search for anomalies, pure: it needs no broker, no clock and no client;
- `workload/`: the processes, the nemesis and the proxy between clients and broker;
- `broken`: faults of a broker, made by the proxy, which the analysis must find.

The processes are threads of one Python process. librdkafka works in threads of its own, without the interpreter lock,
and one process has one clock and one recorder, so the order of events in the history is the real order.
"""
