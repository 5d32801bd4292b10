"""The same fifty tests on kafkalite and on what people take for Kafka in their tests otherwise."""
