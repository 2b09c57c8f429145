"""E-mail keeps the promises it makes, against a real server with TLS and a login."""

from __future__ import annotations

from mailserver import PASSWORD, mail_server

from dflow.testing.transports import check_transport

TestMail = check_transport(mail_server, largest=5_000_000, secrets=(PASSWORD,))
