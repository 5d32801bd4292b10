"""A broker elsewhere, any Kafka, asked through the protocol.

May import the blocking client and `model`; neither the handles nor the broker.
"""
