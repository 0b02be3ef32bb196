"""Handlers of port sessions that listen on a local port or socket: one connection at a time, or many at once.

Port sessions over standard input and output are in `plugin/stdio.py`.
"""
