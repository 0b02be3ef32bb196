"""What is encrypted under keys: ciphertexts, data keys, and the data keys of recordings."""
