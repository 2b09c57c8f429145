"""The options of a configuration's tables, but those of transports.

In: nothing.  Out: `OPTIONS`, from which `dflow.toml` is read and its reference page made.
"""

from __future__ import annotations

from dflow.transport.kinds import Option

__all__ = ["OPTIONS"]

_ORDERS = ("none", "sender", "sender and flow", "all")

#: The options of every table but those of transports, by table.
OPTIONS: dict[str, tuple[Option, ...]] = {
    "journal": (
        Option(
            name="url",
            kind="text",
            default="sqlite:///journal.db",
            meaning="`sqlite:///` and a path relative to the file, `postgresql://host/database`"
            " for several workers, or `memory:`.",
        ),
        Option(name="user", kind="text", meaning="PostgreSQL: who connects."),
        Option(name="password", kind="secret", meaning="PostgreSQL: by reference only."),
        Option(
            name="schema",
            kind="text",
            default="dflow",
            meaning="PostgreSQL: of the tables; one for each exchange.",
        ),
        Option(
            name="lease",
            kind="seconds",
            default=30.0,
            least=0.2,
            meaning="PostgreSQL: after so long in silence a worker is taken for dead.",
        ),
        Option(
            name="payloads",
            kind="path",
            meaning="Folder for large payloads; JOURNAL.payloads, or the PostgreSQL database, if"
            " left out.",
        ),
        Option(
            name="payloads_above",
            kind="count",
            default=256 * 1024,
            meaning="Bytes above which a payload goes to the folder.",
        ),
        Option(
            name="encrypt_with",
            kind="secret",
            meaning="Key that seals payloads at rest, 32 bytes in base64; older keys after it,"
            " with commas. Needs the extra `encrypt`.",
        ),
    ),
    "routes": (
        Option(name="file", kind="path", required=True, meaning="The rules, relative to the file."),
        Option(
            name="refuse_on",
            kind="text",
            default="error",
            choices=("never", "error", "warning"),
            meaning="Refuse rules of which lint remarks this or worse; the rest is only told.",
        ),
    ),
    "check": (
        Option(
            name="hold_on",
            kind="text",
            default="never",
            choices=("never", "error", "warning"),
            meaning="Hold a file in which the check finds this or worse; `never` checks nothing.",
        ),
    ),
    "observe": (
        Option(
            name="opentelemetry",
            kind="flag",
            default=False,
            meaning="Metrics and traces through the OpenTelemetry API; the process's SDK says"
            " where they go. Needs the extra `otel`.",
        ),
    ),
    "mount": (
        Option(name="concurrency", kind="count", default=4, least=1, meaning="Attempts at once."),
        Option(
            name="timeout",
            kind="seconds",
            default=60.0,
            least=0.001,
            meaning="After which an attempt is lost, and asked about.",
        ),
        Option(
            name="order",
            kind="text",
            default="none",
            choices=_ORDERS,
            meaning="Which deliveries wait for each other.",
        ),
        Option(
            name="unanswered",
            kind="text",
            default="person",
            choices=("person", "again"),
            meaning="What becomes of an unknown delivery that cannot be asked about.",
        ),
        Option(
            name="fallback_after",
            kind="seconds",
            default=600.0,
            meaning="Of being down, after which `else` takes over.",
        ),
    ),
    "mount.retry": (
        Option(name="first", kind="seconds", default=5.0, least=0.001, meaning="The first wait."),
        Option(
            name="factor",
            kind="number",
            default=2.0,
            least=1,
            meaning="Each wait, times the one before.",
        ),
        Option(name="cap", kind="seconds", default=900.0, least=0.001, meaning="The longest wait."),
        Option(
            name="jitter", kind="number", default=0.2, meaning="Part by which a wait may differ."
        ),
        Option(
            name="attempts",
            kind="count",
            least=1,
            meaning="After so many it is dead, or goes to its `else`; no limit if left out.",
        ),
        Option(
            name="give_up",
            kind="seconds",
            default=7 * 86400.0,
            meaning="After its first attempt, when it is dead, or goes to its `else`.",
        ),
    ),
    "mount.breaker": (
        Option(
            name="after",
            kind="count",
            default=5,
            least=1,
            meaning="Failures in a row that open it.",
        ),
        Option(
            name="rest",
            kind="seconds",
            default=30.0,
            least=0.001,
            meaning="The first rest; then doubled.",
        ),
        Option(name="cap", kind="seconds", default=600.0, least=0.001, meaning="The longest rest."),
    ),
    "mount.quota": (
        Option(
            name="per_second",
            kind="number",
            least=0.000001,
            meaning="Attempts a second; no limit if left out.",
        ),
        Option(
            name="per_day", kind="count", least=1, meaning="Attempts a day; no limit if left out."
        ),
        Option(
            name="zone",
            kind="text",
            default="Europe/London",
            meaning="Time zone in which days begin.",
        ),
    ),
}
