"""Made-up files: what the strategies, the command and the scenarios make files from."""

from dflow.generator.files import GeneratedFile, generate, header_for
from dflow.generator.values import ValueMaker, mpan, value_maker

__all__ = ["GeneratedFile", "ValueMaker", "generate", "header_for", "mpan", "value_maker"]
