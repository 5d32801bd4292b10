"""Work that no request asks for: the timer queue, the log flusher, maintenance, the log cleaner.

May import the configuration, the clock, storage and trio. Must not import coordinators, handlers or the server: what
they need to hear of arrives as a callback.
"""
