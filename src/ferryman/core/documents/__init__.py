"""Documents: session documents, session preferences and approval policies, in JSON or YAML.

Knows their content, versions and parameters. Does not know what a session does with a document.
"""
