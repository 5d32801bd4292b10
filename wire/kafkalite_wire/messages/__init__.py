"""Kafka's messages: one module for each API declares its request and response, once for all versions.

A test compares the declarations with the official definitions in the kafka-clients jar. :mod:`kafkalite_wire.apis`
imports a module when its API is first used; nothing is re-exported here.
"""
