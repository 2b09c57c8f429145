"""One conversation with a mail server, and what is certain when it breaks off.

In: a server's settings and a message.  Out: nothing, or a transport fault.  This module
does not know parcels.

Until the server has been asked to take the content, nothing is delivered, for certain.
From then on a lost connection leaves it open, until the server's last answer.
"""

from __future__ import annotations

import contextlib
import smtplib
import socket
import ssl
from collections.abc import Sequence

from attrs import define, field

from dflow.transport.faults import Refused, TransportError, Unavailable, Uncertain
from dflow.transport.mail.server import MailServer

__all__ = ["Line"]


@define(eq=False, kw_only=True)
class Line:
    """A conversation, which another thread may break off.

    Attributes:
        server: with whom.
    """

    server: MailServer
    _smtp: smtplib.SMTP | None = field(default=None, init=False)
    _ended: bool = field(default=False, init=False)

    def send(self, sender: str, recipients: Sequence[str], message: bytes) -> None:
        """Hand a message over, for all recipients or none.

        Raises:
            Refused: the server will not take it, or not for one of the recipients.
            Unavailable: it was not taken, for certain.
            Uncertain: the connection was lost after the content was begun.
        """
        smtp = self._begin()
        try:
            self._address(smtp, sender, recipients, len(message))
            self._content(smtp, message)
        finally:
            self._end(smtp)

    def greet(self, sender: str, recipients: Sequence[str]) -> None:
        """All but the content.

        Raises:
            TransportError: as `send`.
        """
        smtp = self._begin()
        try:
            self._address(smtp, sender, recipients, 0)
            with contextlib.suppress(OSError):
                smtp.rset()
        finally:
            self._end(smtp)

    def abort(self) -> None:
        """Break the conversation off, from another thread."""
        self._ended = True
        raw = getattr(self._smtp, "sock", None)
        if raw is not None:
            with contextlib.suppress(OSError):
                raw.shutdown(socket.SHUT_RDWR)

    def _begin(self) -> smtplib.SMTP:
        server = self.server
        context = None if server.security == "loopback" else server.context()
        try:
            smtp = self._open(context)
        except (smtplib.SMTPException, OSError, ValueError) as error:
            raise Unavailable(self._words(error)) from error
        self._smtp = smtp
        try:
            smtp.ehlo_or_helo_if_needed()
            if server.security == "starttls":
                smtp.starttls(context=context)
                smtp.ehlo()
            if server.user and server.password:
                smtp.login(server.user, server.password.reveal())
        except (smtplib.SMTPException, OSError, ValueError) as error:
            self._end(smtp)
            raise Unavailable(self._words(error)) from error
        if self._ended:
            self._end(smtp)
            raise Unavailable(f"{server.place}: given up")
        return smtp

    def _open(self, context: ssl.SSLContext | None) -> smtplib.SMTP:
        server = self.server
        if server.security == "tls":
            return smtplib.SMTP_SSL(
                server.host, server.port, timeout=server.timeout, context=context
            )
        return smtplib.SMTP(server.host, server.port, timeout=server.timeout)

    def _address(
        self, smtp: smtplib.SMTP, sender: str, recipients: Sequence[str], size: int
    ) -> None:
        place = self.server.place
        try:
            options = [f"size={size}"] if size and smtp.has_extn("size") else []
            code, words = smtp.mail(sender, options)
            if code == 552:
                raise Refused(
                    f"{place}: the message is too large: {_plain(words)}; send it elsewhere"
                )
            if code != 250:
                said = f"does not take mail from {sender}: {code} {_plain(words)}"
                raise Unavailable(f"{place}: {said}; check sender and login")
            for one in recipients:
                code, words = smtp.rcpt(one)
                if code in (250, 251):
                    continue
                said = f"does not take mail for {one}: {code} {_plain(words)}"
                fault = Refused if code >= 500 else Unavailable
                raise fault(f"{place}: {said}; check the recipient")
        except (smtplib.SMTPException, OSError, ValueError) as error:
            raise Unavailable(self._words(error)) from error

    def _content(self, smtp: smtplib.SMTP, message: bytes) -> None:
        place = self.server.place
        try:
            code, words = smtp.data(message)
        except smtplib.SMTPDataError as error:  # it did not even begin to take it
            code, words = error.smtp_code, _bytes(error.smtp_error)
        except (smtplib.SMTPException, OSError) as error:
            raise Uncertain(
                f"{place}: the connection was lost while the message was handed over; ask the "
                "recipient before it is sent again"
            ) from error
        if code == 250:
            return
        said = f"{place}: does not take the message: {code} {_plain(words)}"
        fault: type[TransportError] = Refused if code >= 500 else Unavailable
        raise fault(f"{said}; see the server's log")

    def _end(self, smtp: smtplib.SMTP) -> None:
        if smtp.sock is not None and not self._ended:
            with contextlib.suppress(smtplib.SMTPException, OSError):
                smtp.sock.settimeout(1.0)
                smtp.quit()
        smtp.close()

    def _words(self, error: BaseException) -> str:
        return f"{self.server.place}: {self._sentence(error)}"

    def _sentence(self, error: BaseException) -> str:
        server = self.server
        words = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        sentence = f"{words}; check host and port, and whether the server runs"
        if isinstance(error, ssl.SSLCertVerificationError):
            sentence = (
                f"its certificate is not trusted: {error.verify_message}; nothing was sent. Check "
                "host, the server's certificate, or ca_file"
            )
        elif isinstance(error, ssl.SSLError):
            sentence = f"no TLS: {error.reason or error}; check port and security"
        elif isinstance(error, smtplib.SMTPAuthenticationError):
            code = error.smtp_code
            sentence = f"does not let the user {server.user} in ({code}); check user and password"
        elif isinstance(error, smtplib.SMTPNotSupportedError):
            sentence = f"{error}; check port and security"
        elif isinstance(error, TimeoutError) or "timed out" in str(error):
            wait = f"no answer in {server.timeout:g} s"
            sentence = f"{wait}; the server hangs, or `timeout` is too short"
        elif isinstance(error, smtplib.SMTPResponseException):
            said = f"{error.smtp_code} {_plain(_bytes(error.smtp_error))}"
            sentence = f"the server says {said}; see its log"
        elif isinstance(error, smtplib.SMTPException):
            sentence = "the connection was lost; it is made again at the next attempt"
        return sentence


def _bytes(words: bytes | str) -> bytes:
    return words if isinstance(words, bytes) else words.encode("utf-8", "replace")


def _plain(words: bytes) -> str:
    # The server's words are hostile: one line, and not too much of it.
    text = words.decode("ascii", "replace")[:200]
    return "".join(one if one.isprintable() else " " for one in text)
