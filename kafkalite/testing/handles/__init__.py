"""What a test holds of a broker, whichever it is: to look at it, to wait for it and to steer it.

May import all of `kafkalite.testing` but what makes handles.
"""
