"""The same requests to Apache Kafka and to kafkalite, and every difference between what they answer.

`conversations` says what is asked, `running` holds it with both, `known_differences` says what may differ and why.
May import `kafkalite_wire`, trio and the starters of brokers; never `kafkalite`.
"""
