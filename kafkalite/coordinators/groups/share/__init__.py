"""Share groups (KIP-932): members share partitions, and each record goes to one of them at a time.

May import what all kinds of groups use. Must not know which records were delivered: that is `kafkalite.sharing`.
"""
