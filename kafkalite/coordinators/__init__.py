"""Coordinators: pure state machines whose state is an internal topic, and the service that drives them.

The service loads a coordinator from its topic, appends its records, and only then sends its replies. Only the service
may import storage, timers and trio's loop; coordinators get the time and the cluster's topics handed in.
"""
