"""Topics and configurations: the metadata log, the image that its records make, and the data directory's own files.

May import the log and the rooms below it.
"""
