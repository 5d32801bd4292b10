"""The kafkalite broker: a small, Kafka-compatible server over a file-backed log.

The heavy parts are imported only when they are used, so that `import kafkalite` stays cheap.
"""

__version__ = "0.1.0"
