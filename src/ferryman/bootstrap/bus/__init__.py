"""The bus that the configuration names: its settings, and opening it."""
