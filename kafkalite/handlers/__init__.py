"""One module per API, named like its messages; each states its versions, its behaviour and what it does not do.

May import wire, storage and the coordinators. Must not touch streams, tasks or threads: a handler is a plain function,
and one that waits keeps its reply and fills it later.
"""
