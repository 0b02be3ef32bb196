"""The server: AWS's endpoints and the channels of nodes and clients, on one port.

Knows HTTP, WebSockets, TLS and the limits of a public server, and calls `core` for everything that is decided. Does not
know how anything is stored or configured: `bootstrap` passes in a `Service` and the certificate.

`listener` accepts connections, `http` authenticates and answers requests, `operations` map AWS's members to use cases,
`channels` relay sessions, `application` puts them together, and `serving` runs it all.
"""
