"""Kafka's binary protocol, sans-IO: message declarations, codecs, headers and record batches.

May import construct, the compression libraries and the CRC library. Must not touch trio, sockets, files, clocks or
randomness, nor the other kafkalite packages.
"""
