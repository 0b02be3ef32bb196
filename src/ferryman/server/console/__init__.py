"""The web console on the server's port: its files, signing in, and the API for browsers.

A browser calls the operations of `operations` through the steps of `http.pipeline`, and is authenticated by its cookie
instead of a signature. `routes` lists what there is; start there.
"""
