"""Amazon Resource Names: how each kind of resource is named in policies, answers and records."""

from ferryman.model.identifiers import NodeId


def user_arn(account_id: str, name: str, path: str = "/") -> str:
    """Return the ARN of an IAM user of this account; `path` begins and ends with a slash."""
    return f"arn:aws:iam::{account_id}:user{path}{name}"


def node_arn(account_id: str, region: str, node_id: NodeId) -> str:
    """Return the ARN of a managed node of this account."""
    return f"arn:aws:ssm:{region}:{account_id}:managed-instance/{node_id}"


def document_arn(account_id: str, region: str, name: str) -> str:
    """Return the ARN of a session document; AWS-owned ones have no account."""
    owner = "" if name.startswith("AWS-") else account_id
    return f"arn:aws:ssm:{region}:{owner}:document/{name}"


def session_arn(account_id: str, region: str, session_id: str) -> str:
    """Return the ARN of a session of this account."""
    return f"arn:aws:ssm:{region}:{account_id}:session/{session_id}"


def role_arn(account_id: str, path: str, name: str) -> str:
    """Return the ARN of a role of this account; `path` begins and ends with a slash."""
    return f"arn:aws:iam::{account_id}:role{path}{name}"


def role_session_arn(account_id: str, role_name: str, session_name: str) -> str:
    """Return the ARN of a role's session; the role's path is not in it."""
    return f"arn:aws:sts::{account_id}:assumed-role/{role_name}/{session_name}"


def provider_arn(account_id: str, name: str) -> str:
    """Return the ARN of an OpenID Connect provider of this account."""
    return f"arn:aws:iam::{account_id}:oidc-provider/{name}"


def group_arn(account_id: str, name: str, path: str = "/") -> str:
    """Return the ARN of a group of this account."""
    return f"arn:aws:iam::{account_id}:group{path}{name}"


def policy_arn(account_id: str, name: str, path: str = "/") -> str:
    """Return the ARN of a managed policy; the account of built-in ones is `aws`."""
    return f"arn:aws:iam::{account_id}:policy{path}{name}"


def name_of_policy(arn: str) -> str:
    """Return the name that is in a managed policy's ARN."""
    return arn.rpartition("/")[2]


def path_of_policy(arn: str) -> str:
    """Return the path that is in a managed policy's ARN; it begins and ends with a slash."""
    return arn.partition(":policy")[2].rpartition("/")[0] + "/"


def access_request_arn(account_id: str, region: str, request_id: str) -> str:
    """Return the ARN of an access request, which to AWS is an OpsItem."""
    return f"arn:aws:ssm:{region}:{account_id}:opsitem/{request_id}"


def execution_arn(account_id: str, region: str, execution_id: str) -> str:
    """Return the ARN of what approvers signal."""
    return f"arn:aws:ssm:{region}:{account_id}:automation-execution/{execution_id}"
