"""`ferryman completion`: the scripts that make shells complete its command lines."""

from typing import Annotated, Literal

import typer

from ferryman.cli.output.printing import print_page

ShellArgument = Annotated[
    Literal["bash", "zsh", "fish"], typer.Argument(metavar="SHELL", help="bash, zsh or fish.", show_default=False)
]
_BASH = r"""
_ferryman() {
    local value meaning
    COMPREPLY=()
    # bash splits words at = and :, so that tag:KEY=VALUE is not completed.
    while IFS=$'\t' read -r value meaning; do
        COMPREPLY+=("$value")
    done < <(ferryman __complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
    if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *: ]]; then
        compopt -o nospace 2>/dev/null
    fi
}
complete -o bashdefault -o default -F _ferryman ferryman
"""
_ZSH = r"""
#compdef ferryman
_ferryman() {
    local line
    local -a suggestions
    for line in "${(@f)$(ferryman __complete "${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
        [[ -n $line ]] && suggestions+=("${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}")
    done
    if (( ${#suggestions} )); then
        _describe 'ferryman' suggestions
    else
        _files
    fi
}
compdef _ferryman ferryman
"""
_FISH = r"""
function __ferryman_complete
    set -l -- words (commandline -opc)
    set -l -- unfinished (commandline -ct)
    set -l -- found (ferryman __complete $words[2..-1] "$unfinished" 2>/dev/null)
    if test (count $found) -gt 0
        printf '%s\n' $found
    else
        __fish_complete_path "$unfinished"
    end
end
complete -c ferryman -f -a '(__ferryman_complete)'
"""
SCRIPTS = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}


def command(shell: ShellArgument) -> None:
    """Print a script that makes your shell complete commands, options and names of nodes.

    Load it where your shell starts. Names of nodes come from the server, and are kept for a minute.
    """
    print_page(SCRIPTS[shell].lstrip("\n"))
