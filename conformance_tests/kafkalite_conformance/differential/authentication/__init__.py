"""The beginnings of connections to protected listeners, with Apache Kafka and with kafkalite, and what differs.

`secured_brokers` starts both, the modules of `visits` say what is done, `visiting` does it with both.
May import `kafkalite_wire`, the starters of brokers and the comparison of `differential`; never `kafkalite`.
"""
