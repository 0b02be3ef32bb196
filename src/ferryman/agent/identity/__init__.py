"""Who the node is: its registration, its key and credentials, and the server that it trusts."""
