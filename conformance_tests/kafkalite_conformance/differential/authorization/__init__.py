"""What clients may and may not do, with Apache Kafka and with kafkalite, API by API and resource by resource.

`users` says who may do what, `requests` what each of them asks for, and `running` holds it with both brokers.
May import `kafkalite_wire`, the starters of brokers and the comparison of `differential`; never `kafkalite`.
"""
