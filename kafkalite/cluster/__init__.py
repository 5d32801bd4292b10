"""What the brokers of this process share: topics, logs, leaders, producer ids, internal topics.

May import the coordinators, `background`, `fetches`, `config` and the storage; never handlers, the server or trio.
"""
