"""A broker in this process: looked at and steered from other threads, by calls between two turns of its loop.

May import the broker and `model`; neither the handles nor `external`.
"""
