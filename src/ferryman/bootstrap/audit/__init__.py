"""Opening the audit trail and its sinks as the configuration says."""
