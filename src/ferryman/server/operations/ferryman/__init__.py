"""Operations of Ferryman's own service, which AWS does not have."""
