"""What a handle and the brokers that it stands on speak in: views, records, conditions, waits and errors.

May import `kafkalite_wire` and what chooses partitions only.
"""
