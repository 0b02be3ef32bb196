"""KMS: symmetric keys, who may use them, and what is encrypted under them."""
