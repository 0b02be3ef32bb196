"""Session logs for AWS's destinations: made from recordings, delivered to S3 and CloudWatch Logs.

Recordings are their spool: a log is delivered only once everything before it was, and what was not delivered is read
from the recording again, here or on the server that continues.
"""
