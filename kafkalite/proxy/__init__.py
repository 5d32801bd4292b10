"""The proxy: clients talk to kafkalite, the data is in another cluster.

``proxy.py`` is the whole: listeners, and what runs beside them. ``dispatch.py`` decides for each request whether it is
passed on as bytes or goes through the pipeline of ``requests/``, whose end here is ``upstream_end.py``. ``relay.py`` is
one client connection's way to its broker. ``rewriting.py`` names the responses that contain addresses of brokers, and
``addresses.py`` maps those to the proxy's own.
"""
