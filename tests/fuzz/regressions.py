"""Inputs that once broke a rule, by target. Each is as small as the fuzzer could make it."""

_NESTED = b'{"":' * 3000
_LONG_NUMBER = b"9" * 5000
_HUGE_INTEGER = b"1" + b"0" * 400

REGRESSIONS: dict[str, tuple[bytes, ...]] = {
    "agent.credentials_expiry": (_HUGE_INTEGER,),
    "agent.task.port": (
        b'{"Content":"{\\"DocumentContent\\":{\\"properties\\":{\\"portNumber\\":\\"%s\\"}},\\"SessionId\\":\\"s\\"}",'
        b'"TaskId":"s"}' % _LONG_NUMBER,
    ),
    "cli.audit_list": (
        b'"\xe5"\n',
        b'{"time":"2025","detail":[{}]}\n',
        b'{"eventTime":"2025","userIdentity":"x","detail":{"owner":{}}}\n',
        b'{"eventTime":"2025","userIdentity":{"arn":{"":""}}}\n',
        b'{"eventTime":"2025","errorCode":{"":""}}\n',
        b'{"eventTime":"9999-12-31T23:59:59-23:59"}\n',
        _NESTED + b"\n",
    ),
    "cli.configuration": (b"\xff", b"a = " + b"[" * 3000),
    "cli.forward_specs": (_LONG_NUMBER, b"80:%s" % _LONG_NUMBER, b"\xc2\xb2:h:80"),
    "cli.instant": (b"0001-01-01T00+2359",),
    "cli.server_date": (b"1 Jan 9496729525 0:0", b"Wed, 01 Jan 0001 00:00:00 +2359"),
    "core.web_identity.token": (
        b'eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJodHRwczovL2lkcC5leGFtcGxlLm9yZyJ9.\n{"\xaa":1}',
        b"eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJodHRwczovL2lkcC5leGFtcGxlLm9yZyJ9.\n" + _NESTED,
    ),
    "channel.peer_versions": (b"2.3.722." + _LONG_NUMBER,),
    "client.answer.nodes": (
        b"\x03{}",
        b"\x03\xff",
        b"\x038",
        b'\x03{"InstanceInformationList":[{"LastPingDateTime":1700065536005}]}',
        b'\x03{"InstanceInformationList":[{"LastPingDateTime":70000001700000000}]}',
        b'\x03{"InstanceInformationList":[{}]}',
        b'\x03{"InstanceInformationList":[{"InstanceId":{}}]}',
        b"\x03" + _NESTED,
    ),
    "client.answer.resume_session": (
        b"\x028",
        b'\x03{"TokenValue":{}}',
        b'\x02{"__type":{}}',
        b'\x03{"TokenValue":"\\ud800"}',
        b'\x03{"TokenValue":"t","StreamUrl":8}',
        b"\x03" + _NESTED,
    ),
    "client.answer.start_session": (
        b"\x03{}",
        b'\x03{"SessionId":"s"}',
        b'\x03{"SessionId":"s","TokenValue":"t"}',
        b'\x03{"SessionId":"s","TokenValue":"t","StreamUrl":8}',
        b"\x02\xff",
        b'\x03""',
    ),
    "client.arguments": (_NESTED + b"\nus-east-1\nStartSession",),
    "client.digest_listing": (b"0" * 64 + b"  .//etc/passwd\n", b"0" * 64 + b"  ./a/../../b\n"),
    "client.oidc": (
        _NESTED,
        b'{"issuer":"https://idp.example.org","authorization_endpoint":"https://idp.example.org/a",'
        b'"token_endpoint":"https://idp.example.org/t","device_authorization_endpoint":"https://idp.example.org/device"}'
        b"\n---\n" + _NESTED,
    ),
    "audit.public_keys": (
        b"-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VWAyEAO2onvM62pC1io6jQKm8Nc2UyFXcd4kOmOsBIoYtZ2ik=\n"
        b"-----END PUBLIC KEY-----",
    ),
    "audit.record_time": (b'{"\xe5"', _NESTED),
    "audit.trail": (b'{"":"\xff"}\n', _NESTED + b"\n"),
    "transport.answer": (b"\x01" + _NESTED, b"\x00" + _NESTED, b'\x00{"__type":"\xed\xa0\x80"}'),
    "transport.error": (_NESTED,),
}
