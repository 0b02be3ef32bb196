"""Traces for OpenTelemetry. Only this package imports it, and only a server that is configured to trace imports
this."""
