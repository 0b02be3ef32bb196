"""What targets of the use cases start from: well-formed documents, tokens and answers of providers."""

import json

_DOCUMENT = json.dumps(
    {
        "schemaVersion": "1.0",
        "description": "d",
        "sessionType": "Port",
        "parameters": {
            "port": {
                "type": "String",
                "allowedPattern": "^([0-9]{1,5})$",
                "default": "22",
                "minChars": 1,
                "maxChars": "5",
            },
            "names": {"type": "StringList", "minItems": 0, "maxItems": 5, "default": ["a"]},
            "flag": {"type": "Boolean", "default": True},
            "count": {"type": "Integer", "default": 3, "allowedValues": ["3", 4]},
        },
        "inputs": {"idleSessionTimeout": "20", "maxSessionDuration": "{{ count }}0"},
        "properties": {"portNumber": "{{ port }}", "type": "LocalPortForwarding", "localPortNumber": "0"},
    }
).encode()
_SHELL = json.dumps(
    {
        "schemaVersion": "1.0",
        "sessionType": "Standard_Stream",
        "inputs": {"runAsEnabled": True, "runAsDefaultUser": "op", "shellProfile": {"linux": "cd"}},
    }
).encode()
_COMMAND = json.dumps(
    {
        "schemaVersion": "1.0",
        "sessionType": "NonInteractiveCommands",
        "properties": {"linux": {"commands": "ls {{ x }}", "runAsElevated": "false"}},
        "parameters": {"x": {"type": "String", "allowedValues": ["a", "b"]}},
    }
).encode()
_YAML = (
    b"schemaVersion: '1.0'\nsessionType: Standard_Stream\ninputs:\n  idleSessionTimeout: 20\n"
    b"  shellProfile:\n    linux: |\n      cd\n",
    b"{schemaVersion: '1.0', sessionType: Port, properties: {portNumber: 22}}\n",
    b"a: 2001-01-01\nb: !!int 1\nc: 0x1F\nd: .inf\ne: [1_000, 1:30:00, ~, yes, 'x', \"\\u263a\"]\nf: >\n  x\n",
)
_YAML_WORDS = (
    b"2001-13-45",
    b"!!int x",
    b"!!float x",
    b"!!bool x",
    b"!!timestamp x",
    b"!!binary x",
    b"!!set {a}",
    b"!!python/object:x",
    b"0x_",
    b"0b_",
    b"-0o",
    b"1:99:99",
    b".nan",
    b"&a ",
    b"*a",
    b"<<: ",
    b"? ",
    b"- ",
    b": ",
    b"\t",
    b"---\n",
    b"%YAML 1.2\n",
)
_MANUAL = json.dumps(
    {
        "schemaVersion": "0.3",
        "description": "d",
        "accessDuration": 3600,
        "targets": [{"Key": "tag:env", "Values": ["prod"]}],
        "mainSteps": [
            {
                "name": "one",
                "action": "aws:approve",
                "timeoutSeconds": 600,
                "inputs": {
                    "Message": "m",
                    "MinRequiredApprovals": 1,
                    "Approvers": ["arn:aws:iam::123456789012:user/a", "b"],
                    "EnhancedApprovals": {"Approvers": [{"approver": "g", "type": "IamGroup"}]},
                },
            }
        ],
    }
).encode()
_AUTO = b'permit(principal, action, resource) when { principal.costCenter == "1" };'
