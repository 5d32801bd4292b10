"""Count words with faust: an agent, and a table whose changelog is in the broker.

Arguments: bootstrap servers, the application's name, the topics of words and of counts, a folder.
"""

import sys

import faust

bootstrap, name, source, sink, folder = sys.argv[1:]
app = faust.App(
    name,
    broker=f"kafka://{bootstrap}",
    store="memory://",
    datadir=folder,
    topic_partitions=2,
    topic_replication_factor=1,
    broker_commit_interval=0.2,
    broker_session_timeout=4.0,
    broker_heartbeat_interval=1.0,
    web_enabled=False,
)
words = app.topic(source, value_type=bytes, value_serializer="raw")
totals = app.topic(sink, key_type=str, value_type=str, key_serializer="raw", value_serializer="raw")
counts = app.Table("counts", default=int, partitions=2)


@app.agent(words, concurrency=1)
async def count(stream):
    """Count, and send each new count."""
    async for word in stream:
        counts[word.decode()] += 1
        await totals.send(key=word.decode(), value=str(counts[word.decode()]))


if __name__ == "__main__":
    app.finalize()
    worker = faust.Worker(app, loglevel="INFO")
    worker.execute_from_commandline()
