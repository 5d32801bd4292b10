"""The state that a log derives from its batches: leader epochs and producers, each with its file.

May import `files` and `segment`.
"""
