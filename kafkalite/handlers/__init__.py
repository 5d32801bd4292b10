"""One module per API, named like its messages; each states its behaviour and what it does not do.

May import wire, storage, the coordinators and the request pipeline. Must not touch streams, tasks or threads: see
:mod:`kafkalite.handlers.table` for the three ways in which a handler answers.
"""
