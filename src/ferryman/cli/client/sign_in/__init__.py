"""Signing in to a server: in a browser, by an invitation, or with the address that the server offers."""
