"""What fetching keeps between requests: fetch sessions (KIP-227) and fetches that wait for data.

May import wire. Must not touch trio, files, clocks or randomness: the time and new ids come from outside.
"""
