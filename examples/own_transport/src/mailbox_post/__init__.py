"""A mailbox in one SQLite file, as a transport for dflow."""

__all__: list[str] = []
