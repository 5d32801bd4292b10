"""The request log: what clients asked, and what they were answered, kept as bytes and decoded when looked at.

May import kafkalite_wire and the engine; time, names of topics and the bytes of pieces of files come in as functions.
"""
