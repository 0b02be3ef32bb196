"""Ports for recordings: making, keeping, reading and searching them, and sending copies elsewhere."""
