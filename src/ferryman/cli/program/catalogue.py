"""Every command of `ferryman`: its panel and line on the first help page, where it is, its aliases and its examples."""

from dataclasses import dataclass

PANELS = {
    "Connect": "open sessions on nodes",
    "Access": "sign in, and get access to nodes",
    "Fleet": "look after nodes and sessions",
    "Server": "run a server; most of these run on its machine",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """A command or a group of commands.

    `module` is below `ferryman.cli`; `attribute` is the command's function there, or `app` for a group. `summary` fits
    on one line of 80 columns. `takes_command_line`: it ends in `-- COMMAND`.
    """

    panel: str
    module: str
    summary: str
    attribute: str = "command"
    takes_command_line: bool = False


ENTRIES = {
    "shell": Entry(
        "Connect",
        "client.shell",
        "Open a shell on a node, or run a command in a terminal there",
        takes_command_line=True,
    ),
    "run": Entry("Connect", "client.run", "Run a program on one or more nodes", takes_command_line=True),
    "cp": Entry("Connect", "client.cp", "Copy files and folders to or from a node"),
    "forward": Entry("Connect", "client.forward", "Forward local ports through a node"),
    "ssh-config": Entry("Connect", "client.ssh_config", "Print a configuration with which ssh reaches nodes"),
    "completion": Entry("Connect", "client.completion", "Print a script that makes your shell complete commands"),
    "login": Entry("Access", "client.sign_in.login", "Sign in to a server in your browser", "login"),
    "logout": Entry("Access", "client.sign_in.credentials", "Forget the last sign-in on this machine", "logout"),
    "credentials": Entry(
        "Access", "client.sign_in.credentials", "Print credentials, for AWS's programs", "credentials"
    ),
    "console": Entry("Access", "client.console", "Open the web console in your browser, signed in"),
    "whoami": Entry("Access", "client.identity", "Print as whom commands call the server", "whoami"),
    "context": Entry("Access", "client.context", "Choose which server commands talk to", "app"),
    "access": Entry("Access", "manage.access", "Request access to nodes; approve requests", "app"),
    "status": Entry("Fleet", "client.identity", "Show the server, the caller, nodes and sessions", "status"),
    "nodes": Entry("Fleet", "manage.nodes", "List, watch, name, tag and deregister nodes", "app"),
    "sessions": Entry("Fleet", "manage.sessions", "List, watch and end sessions", "app"),
    "recordings": Entry("Fleet", "manage.recordings", "List, search, play, export and verify recordings", "app"),
    "activation": Entry("Fleet", "manage.activations", "Let machines register as nodes", "app"),
    "agent": Entry("Fleet", "operate.agent", "Make this machine a node", "app"),
    "doctor": Entry("Fleet", "doctor.command", "Find out why a client or a node cannot connect"),
    "init": Entry("Server", "operate.init", "Set up a server"),
    "invitation": Entry("Access", "manage.invitations", "Invite people to the server", "app"),
    "server": Entry("Server", "operate.server", "Run the server, check it, or make it a service", "app"),
    "user": Entry("Server", "operate.users", "Manage users and their access keys", "app"),
    "explain": Entry("Server", "manage.explain", "Explain why a caller may or may not do something"),
    "audit": Entry("Server", "operate.audit", "Read and verify the audit trail", "app"),
    "key": Entry("Server", "operate.keys", "Replace the keys that encrypt the server's secrets", "app"),
    "certificate": Entry(
        "Server", "operate.certificate", "Renew the server's certificate, show its fingerprint", "app"
    ),
    "backup": Entry("Server", "operate.backup", "Back up the whole server, encrypted", "backup"),
    "restore": Entry("Server", "operate.backup", "Restore a backup where no server is", "restore"),
    "store": Entry("Server", "operate.store", "Upgrade the server's database, or copy it to another", "app"),
    "demo": Entry("Server", "demo.command", "Try Ferryman: a server, an agent and a shell on this machine"),
}

ALIASES = {
    "ssh": "shell",
    "exec": "run",
    "scp": "cp",
    "ls": "nodes",
}
"""Names that people type out of habit. They are not listed in help."""

POINTERS = {
    "logs": "`ferryman recordings play ID` shows what a session printed, if sessions are recorded; `ferryman sessions "
    "history` lists ended sessions; on the server's machine, `ferryman audit list --session ID` shows what happened",
}
"""Advice for names of commands that do not exist."""

EXAMPLES: dict[str, tuple[str, ...]] = {
    "": (
        "ferryman login https://sessions.example.com",
        "ferryman nodes",
        "ferryman shell web-1",
        "ferryman run web-1 web-2 -- uptime",
    ),
    "shell": (
        "ferryman shell web-1",
        "ferryman shell tag:role=db --reason 'ticket 4711'",
        "ferryman shell web-1 -- top",
        "ferryman shell web-1 --request --reason 'ticket 4711'",
    ),
    "run": ("ferryman run web-1 -- uname -a", "ferryman run tag:role=web --parallel 20 -- systemctl is-active nginx"),
    "cp": ("ferryman cp backup.sql db-1:/tmp/", "ferryman cp web-1:/var/log/nginx ./nginx-logs"),
    "forward": (
        "ferryman forward web-1 8080:80",
        "ferryman forward bastion-1 5432:db.internal:5432",
        "ferryman forward bastion-1 --socks 1080",
    ),
    "ssh-config": ("ferryman ssh-config > ~/.ssh/ferryman.conf", "ferryman ssh-config --user admin"),
    "login": (
        "ferryman login https://sessions.example.com",
        "ferryman login",
        "ferryman login --profile work --device",
    ),
    "completion": (
        "ferryman completion bash > ~/.local/share/bash-completion/completions/ferryman",
        "ferryman completion zsh > ~/.zfunc/_ferryman",
        "ferryman completion fish > ~/.config/fish/completions/ferryman.fish",
    ),
    "console": ("ferryman console", "ferryman console --print"),
    "whoami": ("ferryman whoami",),
    "status": ("ferryman status",),
    "logout": ("ferryman logout --profile work",),
    "context": ("ferryman context list", "ferryman context use sessions.example.com", 'eval "$(ferryman context env)"'),
    "context list": ("ferryman context list",),
    "context use": ("ferryman context use sessions.example.com",),
    "context show": ("ferryman context show",),
    "context env": ('eval "$(ferryman context env)"',),
    "context delete": ("ferryman context delete sessions.example.com",),
    "credentials": ("ferryman credentials --profile work",),
    "access": (
        "ferryman access request web-1 --reason 'ticket 4711'",
        "ferryman access list --status Pending",
        "ferryman access approve oi-0123456789ab",
    ),
    "access request": ("ferryman access request web-1 tag:role=db --reason 'ticket 4711'",),
    "access list": ("ferryman access list --status Pending",),
    "access show": ("ferryman access show oi-0123456789ab",),
    "access token": ('eval "$(ferryman access token --export oi-0123456789ab)"',),
    "access approve": ("ferryman access approve oi-0123456789ab --comment 'until noon'",),
    "access reject": ("ferryman access reject oi-0123456789ab --comment 'use the replica'",),
    "access withdraw": ("ferryman access withdraw oi-0123456789ab",),
    "access revoke": ("ferryman access revoke oi-0123456789ab",),
    "nodes": ("ferryman nodes", "ferryman nodes --tag role=web --status Online", "ferryman nodes --watch"),
    "nodes list": ("ferryman nodes list --status Online",),
    "nodes show": ("ferryman nodes show web-1",),
    "nodes rename": ("ferryman nodes rename ip-10-0-0-7 web-1",),
    "nodes deregister": ("ferryman nodes deregister web-1 --yes",),
    "nodes tag": ("ferryman nodes tag web-1 role=web stage=production --remove old",),
    "sessions": ("ferryman sessions list", "ferryman sessions history --owner alice"),
    "sessions list": ("ferryman sessions list --target web-1",),
    "sessions history": ("ferryman sessions history --owner alice --after 2026-01-31",),
    "sessions show": ("ferryman sessions show alice-0123456789abcdef0",),
    "sessions watch": ("ferryman sessions watch alice-0123456789abcdef0",),
    "sessions end": ("ferryman sessions end alice-0123456789abcdef0",),
    "sessions terminate": ("ferryman sessions terminate alice-0123456789abcdef0",),
    "recordings": ("ferryman recordings list", "ferryman recordings play alice-0123456789abcdef0"),
    "recordings list": ("ferryman recordings list --target web-1 --after 2026-01-31",),
    "recordings show": ("ferryman recordings show alice-0123456789abcdef0",),
    "recordings play": ("ferryman recordings play alice-0123456789abcdef0 --speed 2 --at 90",),
    "recordings search": ("ferryman recordings search 'rm -rf' --target web-1 --after 30d",),
    "recordings export": ("ferryman recordings export alice-0123456789abcdef0 --output alice.cast",),
    "recordings verify": ("ferryman recordings verify alice-0123456789abcdef0",),
    "recordings hold": ("ferryman recordings hold alice-0123456789abcdef0 --reason 'case 4711'",),
    "recordings release": ("ferryman recordings release alice-0123456789abcdef0",),
    "recordings delete": ("ferryman recordings delete alice-0123456789abcdef0",),
    "activation": ("ferryman activation create --name web-1",),
    "activation create": (
        "ferryman activation create --name web-1",
        "ferryman activation create --limit 20 --hours 2 --tag role=web",
    ),
    "activation list": ("ferryman activation list",),
    "activation delete": ("ferryman activation delete 01234567-89ab-cdef-0123-456789abcdef",),
    "agent": ("ferryman agent run",),
    "agent register": (
        "ferryman agent register --endpoint-url https://sessions.example.com:7330 --activation-id "
        "01234567-89ab-cdef-0123-456789abcdef --name edge-7",
    ),
    "agent install": ("ferryman agent install", "ferryman agent install --user operator --start"),
    "agent uninstall": ("ferryman agent uninstall",),
    "agent rebind": ("ferryman agent rebind",),
    "agent run": ("ferryman agent run", "ferryman agent run --run-as operator --log-format text"),
    "agent install-ssh-keys": ("ferryman agent install-ssh-keys --user admin",),
    "doctor": ("ferryman doctor", "ferryman doctor --target web-1"),
    "init": ("ferryman init", "ferryman init --listen 0.0.0.0:7330 --public-host sessions.example.com --tls"),
    "server": ("ferryman server", "ferryman server --config /etc/ferryman/ferryman.toml --check"),
    "invitation": ("ferryman invitation create alice --group ops", "ferryman invitation list alice"),
    "invitation create": (
        "ferryman invitation create alice",
        "ferryman invitation create alice --group ops --hours 72",
    ),
    "invitation list": ("ferryman invitation list alice",),
    "invitation revoke": ("ferryman invitation revoke alice 01234567-89ab-cdef-0123-456789abcdef",),
    "server health": ("ferryman server health",),
    "server install": ("ferryman server install --dry-run", "ferryman server install --start"),
    "server uninstall": ("ferryman server uninstall", "ferryman server uninstall --purge"),
    "user": ("ferryman user add alice", "ferryman user list"),
    "user add": ("ferryman user add alice --role administrator",),
    "user list": ("ferryman user list",),
    "user role": ("ferryman user role alice administrator",),
    "user remove": ("ferryman user remove alice",),
    "user key": ("ferryman user key list alice",),
    "user key add": ("ferryman user key add alice",),
    "user key list": ("ferryman user key list alice",),
    "user key disable": ("ferryman user key disable AKIA0123456789ABCDEF",),
    "user key enable": ("ferryman user key enable AKIA0123456789ABCDEF",),
    "user key remove": ("ferryman user key remove AKIA0123456789ABCDEF",),
    "explain": ("ferryman explain alice StartSession mi-0123456789abcdef0",),
    "audit": ("ferryman audit sessions --user alice --since 30d", "ferryman audit verify"),
    "audit list": ("ferryman audit list --user alice --since 12h --errors",),
    "audit sessions": (
        "ferryman audit sessions --node web-1 --since yesterday",
        "ferryman audit sessions --since 30d -o csv --utc",
    ),
    "audit verify": (
        "ferryman audit verify --at-least 4711",
        "ferryman audit verify --public-key sessions.example.com.pub january.jsonl",
    ),
    "audit export": ("ferryman audit export --since 2026-01-01 --until 2026-02-01 january.jsonl",),
    "audit public-key": ("ferryman audit public-key > sessions.example.com.pub",),
    "audit sinks": ("ferryman audit sinks",),
    "audit retire": ("ferryman audit retire two",),
    "key": ("ferryman key list",),
    "key list": ("ferryman key list",),
    "key new": ("ferryman key new",),
    "key rotate": ("ferryman key rotate --stage",),
    "key reseal": ("ferryman key reseal",),
    "key retire": ("ferryman key retire",),
    "backup": ("ferryman backup /srv/backup/ferryman-2026-01-31 --passphrase-file /root/backup-passphrase",),
    "restore": ("ferryman restore ferryman-2026-01-31", "ferryman restore ferryman-2026-01-31 --directory trial"),
    "certificate": ("ferryman certificate renew",),
    "store": ("ferryman store upgrade", "ferryman store copy postgresql://ferryman@db.example.com/ferryman"),
    "store upgrade": ("ferryman store upgrade",),
    "store copy": ("ferryman store copy postgresql://ferryman@db.example.com/ferryman",),
    "certificate renew": ("ferryman certificate renew",),
    "certificate fingerprint": ("ferryman certificate fingerprint",),
    "certificate new": ("ferryman certificate new --directory next --host sessions.example.com",),
    "demo": ("ferryman demo", "ferryman demo --nodes 3"),
}
"""Examples of each command, by its name below `ferryman`."""
