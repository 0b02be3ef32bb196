"""Ferryman: a self-hosted Session Manager that speaks the protocols of AWS Systems Manager."""
