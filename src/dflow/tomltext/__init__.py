"""TOML written by people: its data, and the place of every key for its mistakes."""

from dflow.tomltext.document import TomlText, TomlValue, parse_toml, read_toml

__all__ = ["TomlText", "TomlValue", "parse_toml", "read_toml"]
