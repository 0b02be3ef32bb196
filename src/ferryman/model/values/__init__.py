"""Small values without a subject of their own: text, times, secrets, host names and versions."""
