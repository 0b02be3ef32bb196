"""The relay of one session: two ends, and what passes between them."""
