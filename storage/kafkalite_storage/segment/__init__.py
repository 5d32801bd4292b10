"""One segment of a partition: its `.log` file, its indexes, look-ups by offset and by time, and its replacement.

May import `files`; knows nothing of logs, producers or topics.
"""
