"""A demo of several servers: PostgreSQL, NATS and a load balancer beside them, all this machine's own."""
