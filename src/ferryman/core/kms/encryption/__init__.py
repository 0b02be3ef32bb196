"""Encryption under KMS keys: ciphertexts, data keys, and the data keys of recordings."""
