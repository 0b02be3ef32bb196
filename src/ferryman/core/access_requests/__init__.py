"""access_requests."""
