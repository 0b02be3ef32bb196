"""Keys themselves: their states, policies, aliases, rotation and tags."""
