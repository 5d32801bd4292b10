"""Background work of a broker: the timer queue, the log flusher, maintenance, the log cleaner.

May import the configuration, the clock, storage and trio. Must not import coordinators, handlers or the server: they
register callbacks.
"""
