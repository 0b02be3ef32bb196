"""The node agent: registration, control loop, session workers. Knows the OS; nothing of the control plane."""
