"""Faults: which requests go wrong, and how.

`Fault` declares one, the `Injector` applies it to requests, and `controls` are the controls. All but `controls` and
`injector_for` import only wire, the request pipeline, the fields with names and the TOML reader; time and randomness
are handed in.
"""
