"""AWS Signature Version 4 and the agent's RSA scheme: canonicalise, sign, verify. No I/O, no clock."""
