"""What commands print: listings as tables and data, messages, and lines that are redrawn."""
