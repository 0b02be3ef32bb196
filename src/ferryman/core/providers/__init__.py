"""OpenID Connect providers: what they publish, fetched by the server, cached for minutes, and asked for rarely."""
