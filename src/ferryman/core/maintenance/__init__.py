"""What runs over the whole store from time to time: deleting what has expired, and sealing with a new key."""
