"""The terminal and the standard streams: raw mode, escapes, output in order, input at the far end's pace.

Knows file descriptors, and of the session only `FarEnd`, whose room paces the input.
"""
