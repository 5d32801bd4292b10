"""Who a client is: security protocols, SASL mechanisms, and the authentication of a connection. Pure: no sockets."""
