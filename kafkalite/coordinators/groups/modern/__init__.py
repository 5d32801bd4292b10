"""What the kinds of groups that the broker assigns have in common.

Kafka calls them modern groups: consumer groups (KIP-848), share groups (KIP-932) and streams groups (KIP-1071).
"""
