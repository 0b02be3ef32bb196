"""People other than the administrator, as they call the running server."""

import json
from dataclasses import dataclass

from tests.e2e.demo import Ferryman
from tests.e2e.processes.programs import FERRYMAN
from tests.e2e.processes.warm_programs import warm_programs


@dataclass
class Person(Ferryman):
    """The running server, as somebody else calls it."""

    session_token: str = ""

    @property
    def environment(self) -> dict[str, str]:
        token = {"AWS_SESSION_TOKEN": self.session_token} if self.session_token else {}
        return super().environment | token

    def ferryman(self, *arguments: str) -> str:
        """Run a `ferryman` command that succeeds; what it says."""
        done = warm_programs.run(FERRYMAN, *arguments, environment=self.environment)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()


def person(running: Ferryman, name: str, *actions: str) -> Person:
    """A user who may do this and no more."""
    iam = running.client("iam")
    iam.create_user(UserName=name)
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=document)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    keys = {"access_key_id": key["AccessKeyId"], "secret_access_key": key["SecretAccessKey"]}
    return Person(running.facts | keys, running.process)
