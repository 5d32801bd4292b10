"""Count words with Quix Streams: a state store whose changelog is in the broker, and transactions.

Arguments: bootstrap servers, the application's name, the topics of words and of counts, a folder.
"""

import sys

from quixstreams import Application, State

bootstrap, name, source, sink, folder = sys.argv[1:]
app = Application(
    broker_address=bootstrap,
    consumer_group=name,
    auto_offset_reset="earliest",
    processing_guarantee="exactly-once",
    commit_interval=0.2,
    state_dir=folder,
    consumer_extra_config={"session.timeout.ms": 4000, "heartbeat.interval.ms": 1000},
    loglevel="INFO",
)
words = app.topic(source, key_deserializer="str", value_deserializer="str")
totals = app.topic(sink, key_serializer="str", value_serializer="str")


def count(_: str, state: State) -> str:
    """Return how often this word came."""
    total = state.get("total", 0) + 1
    state.set("total", total)
    return str(total)


frame = app.dataframe(words)
frame = frame.group_by(lambda word: word, name="word").apply(count, stateful=True).to_topic(totals)
app.run()
