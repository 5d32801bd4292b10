"""The handle over HTTP: JSON in, JSON out, for tests in any language.

Beside the pytest plugin: may import `kafkalite.testing` and everything below; only the command line may import it.
h11 (the extra `controls`) says what HTTP is, trio moves the bytes, and each route is one call of the handle.
"""
