"""The search of a history for broken promises. Pure: a `History` goes in, anomalies come out.

Each module holds checks of one kind; a check is a function of `Facts` that yields anomalies. It yields only what no
correct broker can do, whatever became of the operations with unknown outcomes.
"""
