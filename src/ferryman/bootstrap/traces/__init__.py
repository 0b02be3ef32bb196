"""OpenTelemetry traces of a server: their settings, and where they are sent."""
