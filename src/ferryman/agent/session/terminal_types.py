"""Whether this machine knows the terminal of a session's client."""

from pathlib import Path

_DATABASES = ("/etc/terminfo", "/lib/terminfo", "/usr/share/terminfo", "/usr/lib/terminfo", "/usr/local/share/terminfo")


def is_known_terminal(name: str, home: str, databases: tuple[str, ...] = _DATABASES) -> bool:
    """Tell whether terminfo describes the terminal, so that programs can draw on it; also if there is no terminfo.

    `name` has no slash. Looks into the account's own database too.
    """
    directories = [Path(each) for each in (f"{home}/.terminfo", *databases)]
    present = [each for each in directories if each.is_dir()]
    initials = (name[0], f"{ord(name[0]):x}")  # the second on file systems that do not tell cases apart
    return not present or any((each / initial / name).is_file() for each in present for initial in initials)
