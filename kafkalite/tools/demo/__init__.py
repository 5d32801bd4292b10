"""The ad-click story: real clients in processes of their own, and promises that are checked from what they report.

May import trio, rich and kafka-python (the demo extra, only where it is used), and kafkalite's border of errors.
Must not import the broker: it is a process like every other here, so that any broker can stand in its place.
"""
