"""The judge: one suite of scenarios that real Kafka clients play against any broker.

It holds the scenarios, the clients' drivers and the starters of both brokers, and imports only those.
It must never import `kafkalite`: to the suite a broker is an address, and kafkalite a subprocess.
"""
