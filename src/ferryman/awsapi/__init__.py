"""AWS API protocols over botocore's model classes: parse, validate, serialise. No I/O."""
