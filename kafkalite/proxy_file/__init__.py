"""The file of ``kafkalite proxy --config FILE``: read as a whole, put in force as a whole, and again on SIGHUP.

``reading.py`` turns it into what a proxy is made of, and finds mistakes with their lines; ``proxy_table.py`` is its
table ``[proxy]``. ``in_force.py`` puts its interceptors and faults into a proxy, and replaces them by those of a
changed file.
"""
