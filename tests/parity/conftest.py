"""Hypothesis without a deadline: a busy machine is not a bug."""

from hypothesis import settings

settings.register_profile("parity", deadline=None)
settings.load_profile("parity")
