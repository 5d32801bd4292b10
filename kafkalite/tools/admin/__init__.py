"""What an administrator asks of any broker: topics, groups, records, configurations.

Stands on kafka-python (the `cli` extra), which is imported when a connection is made; everything that needs no broker
(formats, positions, the preview of an assignment) is pure. May import the configuration's addresses, the assignors and
`kafkalite_wire`; must not import the broker, nor print.
"""
