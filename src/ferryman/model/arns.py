"""Amazon Resource Names: how each kind of resource is named in policies, answers and records."""

from dataclasses import dataclass

from ferryman.model.identifiers import NodeId


@dataclass(frozen=True, slots=True)
class Arns:
    """The ARNs of an account's resources. IAM and STS name no region.

    A path begins and ends with a slash. A name may be `*`, or a prefix for a pattern.
    """

    account_id: str
    region: str

    def user(self, name: str, path: str = "/") -> str:
        """Return the ARN of an IAM user."""
        return self._iam(f"user{path}{name}")

    def group(self, name: str, path: str = "/") -> str:
        """Return the ARN of an IAM group."""
        return self._iam(f"group{path}{name}")

    def role(self, name: str, path: str = "/") -> str:
        """Return the ARN of an IAM role."""
        return self._iam(f"role{path}{name}")

    def policy(self, name: str, path: str = "/") -> str:
        """Return the ARN of a managed policy that the account owns."""
        return self._iam(f"policy{path}{name}")

    def oidc_provider(self, name: str) -> str:
        """Return the ARN of an OpenID Connect provider."""
        return self._iam(f"oidc-provider/{name}")

    def role_session(self, role_name: str, session_name: str) -> str:
        """Return the ARN of a role's session; the role's path is not part of it."""
        return f"arn:aws:sts::{self.account_id}:assumed-role/{role_name}/{session_name}"

    def node(self, node_id: NodeId) -> str:
        """Return the ARN of a managed node."""
        return self._ssm(f"managed-instance/{node_id}")

    def instance(self, node_id: NodeId) -> str:
        """Return the ARN of a managed node as EC2 and EC2 Instance Connect name it: as an instance."""
        return f"arn:aws:ec2:{self.region}:{self.account_id}:instance/{node_id}"

    def document(self, name: str) -> str:
        """Return the ARN of a document; AWS-owned ones have no account."""
        owner = "" if name.startswith("AWS-") else self.account_id
        return f"arn:aws:ssm:{self.region}:{owner}:document/{name}"

    def session(self, session_id: str) -> str:
        """Return the ARN of a session."""
        return self._ssm(f"session/{session_id}")

    def recording(self, session_id: str) -> str:
        """Return the ARN of the recording of a session."""
        return f"arn:aws:ferryman:{self.region}:{self.account_id}:recording/{session_id}"

    def activation(self, activation_id: str) -> str:
        """Return the ARN of an activation."""
        return self._ssm(f"activation/{activation_id}")

    def access_request(self, request_id: str) -> str:
        """Return the ARN of an access request, which AWS calls an OpsItem."""
        return self._ssm(f"opsitem/{request_id}")

    def execution(self, execution_id: str) -> str:
        """Return the ARN of the automation execution that approvers of an access request signal."""
        return self._ssm(f"automation-execution/{execution_id}")

    def kms_key(self, key_id: str) -> str:
        """Return the ARN of a KMS key."""
        return f"arn:aws:kms:{self.region}:{self.account_id}:key/{key_id}"

    def kms_alias(self, name: str) -> str:
        """Return the ARN of an alias of a KMS key; `name` begins with `alias/`."""
        return f"arn:aws:kms:{self.region}:{self.account_id}:{name}"

    def everything_of_ssm(self) -> str:
        """Return the ARN pattern that calls of SSM that name no resource are checked against."""
        return self._ssm("*")

    def _ssm(self, resource: str) -> str:
        return f"arn:aws:ssm:{self.region}:{self.account_id}:{resource}"

    def _iam(self, resource: str) -> str:
        return f"arn:aws:iam::{self.account_id}:{resource}"


def builtin_policy_arn(name: str) -> str:
    """Return the ARN of a built-in managed policy, whose account is `aws`."""
    return Arns("aws", "").policy(name)


def name_of_policy(arn: str) -> str:
    """Return the name in a managed policy's ARN."""
    return arn.rpartition("/")[2]


def path_of_policy(arn: str) -> str:
    """Return the path in a managed policy's ARN; it begins and ends with a slash."""
    return arn.partition(":policy")[2].rpartition("/")[0] + "/"
