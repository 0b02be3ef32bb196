"""The IAM policy language: parse, match, evaluate.

Knows documents, requests and their context, all handed in; no store, no clock, no caller but what a request says.
`parsing.parse_policy` makes a `Policy` of a document, `evaluation.evaluate` decides a request by policies.
"""
