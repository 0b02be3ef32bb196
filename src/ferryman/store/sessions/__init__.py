"""Sessions in the database: rows, status transitions, quotas, and the pages of DescribeSessions."""
