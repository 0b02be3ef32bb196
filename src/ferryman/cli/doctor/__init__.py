"""`ferryman doctor`: checks what a session needs and explains what is wrong and how to fix it.

It only looks: no check changes a file, a setting or anything on the server.
"""
