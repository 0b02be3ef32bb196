"""Calls of the server's API, and their results: targets, the launch of a session, credentials.

The only part of the client that imports botocore, and with it the AWS CLI's rules for profiles, regions, endpoints and
proxies. botocore is imported inside the functions, because it takes longer to import than a session takes to open. Must
not know how a session runs, or the messages for people beyond a `Failure`.
"""
