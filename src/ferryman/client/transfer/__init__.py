"""Copies of files and folders to and from a node, as commands that the node runs.

Every answer of a node is checked and bounded before it is used: a hostile node can neither write outside the
destination nor fill memory. Must not know how sessions are connected: it gets a `Runner`.
"""
