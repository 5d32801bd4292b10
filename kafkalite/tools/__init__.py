"""Tools for any Kafka broker: command line, administration, doctor and demo.

May import click, `kafkalite.client`, `kafkalite.config` and, inside functions, kafka-python and rich.
Must not import the broker's insides; only the commands that run a broker or read its files do.
"""
