"""A small synchronous client: one connection, typed requests and responses.

For the doctor, which checks the protocol itself, and for commands that must not depend on kafka-python, such as shell
completion. May import `kafkalite_wire`; must not import the broker.
"""
