"""The processes that produce, consume and copy, the nemesis, and the proxy between them and the broker.

All of them write to one recorder. Nothing here judges: that is left to the analysis.
"""
