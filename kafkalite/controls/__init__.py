"""Controls that no broker offers: what sees each request on its way to its handler, and may act in its place.

They are interceptors of the request pipeline. May import kafkalite_wire, the pipeline and the reader of TOML files:
neither the broker's internals nor pytest, so that a broker and later a proxy can use them.
"""
