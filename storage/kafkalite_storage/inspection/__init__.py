"""`kafkalite log dump` and `kafkalite log verify`: read a data directory without a broker and change nothing.

May import the rest of storage; nothing of the rest imports it.
"""
