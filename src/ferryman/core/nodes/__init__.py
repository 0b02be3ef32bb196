"""Managed nodes: activations, registration, listings and their views in other services (EC2, inventory, tagging).

Knows what nodes report and whether they are connected. Does not know the channels that connect them.
"""
