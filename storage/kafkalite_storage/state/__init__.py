"""What a log knows beside its batches: leader epochs and producers, each with the file that keeps it.

May import `files` and `segment`.
"""
