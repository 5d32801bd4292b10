"""The drivers of the Python clients and of kcat, each run as `python -m … HOST:PORT`.

They share `dialogue`, which reads commands and writes events.
Nothing imports them: a client that crashes must take nothing with it.
"""
