"""Access requests and their approvals in the database, and their pages."""
