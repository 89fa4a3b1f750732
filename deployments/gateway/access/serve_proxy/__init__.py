"""What runs in Serve's HTTP proxy, before a request reaches a Gateway: slow callers, bodies, streams."""
