"""`kafkalite mirror`: copy topics and the offsets of groups from one Kafka cluster to another.

``mirror.py`` is the whole. ``copying.py`` moves records in transactions, ``stretches.py`` says what was copied where,
``state_topic.py`` keeps that in the target cluster, ``groups.py`` translates offsets with it, and ``verification.py``
reads both clusters again. The clients are confluent-kafka's (extra ``mirror``): librdkafka has transactions, and moves
hundreds of thousands of records in a second.
"""
