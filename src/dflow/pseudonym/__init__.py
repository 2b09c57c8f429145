"""Pseudonyms: sensitive values replaced by keyed ones that validate and join as before."""

from dflow.pseudonym.files import Pseudonymiser, Replaced
from dflow.pseudonym.key import new_key, read_key

__all__ = ["Pseudonymiser", "Replaced", "new_key", "read_key"]
