"""What the message brokers have in common: connections, holds, options."""

from dflow.transport.brokers.holding import Holding
from dflow.transport.brokers.link import Link

__all__ = ["Holding", "Link"]
