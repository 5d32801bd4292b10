"""Kafka's messages, one module an API: its request and its response, declared once for all versions.

The declarations are compared with the official definitions in the kafka-clients jar by a test. Modules are
imported one by one, when :mod:`kafkalite_wire.apis` is first asked for them; nothing is re-exported here.
"""
