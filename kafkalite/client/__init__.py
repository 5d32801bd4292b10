"""A small synchronous client: one connection, typed requests and responses.

For what sees the protocol itself (the doctor) and must be there before kafka-python is (shell completion). May import
`kafkalite_wire`; must not import the broker.
"""
