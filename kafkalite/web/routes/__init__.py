"""All that can be asked for, in the handle's own words: a module a subject.

Each declares what its routes take, as dataclasses whose fields come from the path, the query or the body; the functions
that answer, whose docstrings stand in the documentation; and the routes themselves. `table` has them all.
"""
