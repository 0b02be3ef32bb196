"""IAM's operations, one module per kind of resource; see `server.operations`."""
