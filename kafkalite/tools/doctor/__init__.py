"""Why clients cannot use a broker: look as they would, and say what to change.

Looking (`examination`, `probes`) opens connections; judging (`diagnosis`, `client_families`) is pure. May import
`kafkalite.client` and `kafkalite_wire`; must not import the broker, nor print.
"""
