"""Faults: rules that say which requests go wrong, and how.

A `Fault` is declared in words, which a test's handle, a file and whoever comes later share; the `Injector` adds it to
an engine. May import kafkalite_wire, the engine and the reader of TOML files only; time and chance are handed in.
"""
