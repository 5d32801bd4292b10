"""The parts of messages that can fail on their own: partitions, topics, groups, resources.

``table.parts_of`` returns what knows the parts of an API's messages in a version: it lists them, takes some out of a
request, and answers them with errors in the response. May import kafkalite_wire only.
"""
