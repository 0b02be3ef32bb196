"""ratelimits."""
