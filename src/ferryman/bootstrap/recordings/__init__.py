"""Opens recordings, session logs and watching as the configuration says."""
