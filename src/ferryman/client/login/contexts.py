"""Contexts: named servers and how to call them, one of which is current. They hold names of files and no secrets."""

import os
from collections.abc import Mapping, MutableMapping
from pathlib import Path

import msgspec

from ferryman.model.failures import Failure
from ferryman.system.private_files import make_private_directory, replace_private

CREDENTIALS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
FILES = ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE")
SETTINGS = ("AWS_PROFILE", *FILES)
"""Variables that a context sets."""
_ENDPOINT = "AWS_ENDPOINT_URL"
_PREFERRED = (*SETTINGS, "AWS_DEFAULT_PROFILE", CREDENTIALS[0])
_OTHERS = ("AWS_DEFAULT_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", *CREDENTIALS)


class Context(msgspec.Struct, frozen=True, omit_defaults=True):
    """How to call one server: its address, for people; a profile; AWS's files if they are not the usual ones; and the
    authority that issued its certificate, if that is not a public one."""

    server: str
    profile: str
    config_file: str = ""
    credentials_file: str = ""
    ca_file: str = ""

    def variables(self, environment: Mapping[str, str]) -> dict[str, str | None]:
        """Return the variables that `environment` needs to use it; None for a variable that must not be set."""
        endpoints = [name for name in environment if name.startswith(_ENDPOINT)]
        authority = {"AWS_CA_BUNDLE": self.ca_file} if self.ca_file else {}
        return {
            "AWS_PROFILE": self.profile,
            "AWS_CONFIG_FILE": self.config_file or None,
            "AWS_SHARED_CREDENTIALS_FILE": self.credentials_file or None,
            **dict.fromkeys((*_OTHERS, *endpoints)),
            **authority,
        }


class Contexts(msgspec.Struct, frozen=True, omit_defaults=True):
    """The file's content. `current` names one of `contexts`, or nothing."""

    contexts: dict[str, Context] = {}
    current: str = ""

    def get(self, name: str) -> Context:
        """Return the context of a name. Raises Failure with the names that there are."""
        if name not in self.contexts:
            known = ", ".join(sorted(self.contexts))
            if not known:
                advice = "`ferryman login` and `ferryman init` create one"
                raise Failure(f"There is no context {name}", "there are none yet", advice)
            raise Failure(f"There is no context {name}", f"those that exist are {known}", "See `ferryman context list`")
        return self.contexts[name]

    def with_context(self, name: str, context: Context) -> "Contexts":
        """Return these contexts with one more, or one replaced, which is now the current one."""
        return Contexts({**self.contexts, name: context}, name)

    def without(self, name: str) -> "Contexts":
        """Return these contexts without one. Raises Failure if it is not there."""
        self.get(name)
        rest = {each: context for each, context in self.contexts.items() if each != name}
        return Contexts(rest, "" if self.current == name else self.current)

    def encoded(self) -> bytes:
        """Return the file's content."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2) + b"\n"


def configuration_directory() -> Path:
    """Return Ferryman's directory in the user's configuration."""
    base = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    return Path(base).expanduser() / "ferryman"


def contexts_file() -> Path:
    """Return where contexts are kept, whether the file exists or not."""
    return configuration_directory() / "contexts.json"


def read_contexts() -> Contexts:
    """Return the contexts of this user; none if there is no file. Raises Failure."""
    path = contexts_file()
    try:
        return msgspec.json.decode(path.read_bytes(), type=Contexts)
    except FileNotFoundError:
        return Contexts()
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        cause = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise Failure(f"The contexts in {path} cannot be read", cause, "Correct the file, or delete it") from error


def write_contexts(contexts: Contexts) -> None:
    """Replace the contexts of this user. Raises OSError."""
    path = contexts_file().resolve()
    make_private_directory(path.parent)
    replace_private(path, contexts.encoded(), durable=False)


def preferred_variable(environment: Mapping[str, str]) -> str:
    """Return a variable that says which server is meant, "" if there is none. If there is, no context is current."""
    endpoints = sorted(name for name in environment if name.startswith(_ENDPOINT))
    return next((name for name in (*_PREFERRED, *endpoints) if environment.get(name)), "")


def set_variables(variables: Mapping[str, str | None], environment: MutableMapping[str, str]) -> dict[str, str | None]:
    """Set variables in `environment`, and remove those that are None; return what they were."""
    before = {name: environment.get(name) for name in variables}
    for name, value in variables.items():
        if value is None:
            environment.pop(name, None)
        else:
            environment[name] = value
    return before
