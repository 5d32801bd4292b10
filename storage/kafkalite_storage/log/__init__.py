"""A partition's log: append, read, retention, deletion of records, and what of it is on disk.

May import every room below it (`recovery`, `state`, `segment`, `configs`, `files`); knows nothing of topics.
"""
