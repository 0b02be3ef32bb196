"""Traces for OpenTelemetry: the only room that imports it, and only a server that is configured to imports this."""
