"""Session recordings: writers and readers."""
