"""Rate limits: token buckets, and the limits that are built on them.

Knows times and keys as arguments. Does not know `Service`, requests or addresses as such.
"""
