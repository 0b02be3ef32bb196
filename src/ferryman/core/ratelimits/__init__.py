"""Rate limits: token buckets, and what is counted by them.

Knows times and keys as arguments. Does not know `Service`, requests or addresses as such.
"""
