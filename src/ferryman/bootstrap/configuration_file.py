"""Where the server's configuration file is. Every command imports this, so it must not import the configuration."""

from pathlib import Path

FILE_NAME = "ferryman.toml"
SYSTEM_FILE = Path("/etc/ferryman") / FILE_NAME
VARIABLE = "FERRYMAN_CONFIG"


def find_configuration() -> Path:
    """Return the path of the configuration if nobody named one: here, or else the system's.

    Returns the file name alone, which `load` then refuses, if neither exists.
    """
    for path in (Path(FILE_NAME), SYSTEM_FILE):
        try:
            path.stat()
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError:
            return path  # it may be there: `load` says why it cannot be read
        return path
    return Path(FILE_NAME)
