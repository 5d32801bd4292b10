"""The controls over HTTP, for tests in any language: a server (h11 and trio), a client, and the page of routes.

May import the controls and everything below. Routes derive from the controls: nothing here names a single one.
"""
