"""The request log: requests and responses, kept as bytes and decoded when they are looked at.

All but `controls` and `file` import only wire and the request pipeline; time and topic names are handed in.
"""
