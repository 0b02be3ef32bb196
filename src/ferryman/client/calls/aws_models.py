"""How AWS's own tools find the model of the service `ferryman`: in a directory that AWS_DATA_PATH names.

botocore also reads `data_path` of a profile; the AWS CLI does not, as it always sets the variable for itself.
"""

import os

from ferryman.awsapi import OWN_MODELS

DATA_PATH = "AWS_DATA_PATH"


def with_own_models(paths: str) -> str:
    """Return the variable's value with the directory of Ferryman's models behind those that are in it."""
    found = [path for path in paths.split(os.pathsep) if path]
    own = str(OWN_MODELS)
    return os.pathsep.join(found if own in found else [*found, own])
