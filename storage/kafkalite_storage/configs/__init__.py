"""Topic configurations: value types, the table of all of Kafka's, and the parsed form that a log reads.

May import nothing of this package but `errors`.
"""
