"""Controls that no broker offers: what sees each request on its way to its handler, and may act in its place.

One engine at the dispatcher. May import kafkalite_wire only, and the reader of TOML files: neither the broker's
internals nor pytest, so that whoever relays requests (a broker, later a proxy) can use it.
"""
