"""Showing: reports and flows as text for people, and as JSON, SARIF and annotations."""

from dflow.show.paint import PLAIN, VIVID, Paint, printable

__all__ = ["PLAIN", "VIVID", "Paint", "printable"]
