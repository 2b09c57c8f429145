"""E-mail keeps the promises it makes, against a real server with TLS and a login."""

from __future__ import annotations

from dflow.testing.transports import check_transport
from mailserver import PASSWORD, mail_server

TestMail = check_transport(mail_server, largest=5_000_000, secrets=(PASSWORD,))
