"""A kafkalite elsewhere, seen and steered through its controls over HTTP, and never through what it is steered with.

Injected faults, an unavailable broker and the request log concern clients; a handle that were one would meet them, too.
May import `model` and the shapes of faults and recorded requests; neither the handles nor a broker.
"""
