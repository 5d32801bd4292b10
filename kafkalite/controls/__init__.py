"""The controls: what can be asked of a broker and done to it, each declared once, as a method (`definition`).

Tests (`kafkalite.testing`) and HTTP (`http`) are two users of them. May import the broker and everything below, but
neither testing nor pytest. `faults` and `request_log` intercept requests; only their `controls` know the broker.
"""
