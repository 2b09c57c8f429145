"""What a standing holds: failures, requests, acts by hand, records to be corrected.

In: values.  Out: values, which a standing changes as entries come.  This module applies no
entry and reads no clock.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from attrs import define, field

from dflow.contingency.model import Kind

__all__ = ["Alarm", "BackFix", "ByHand", "Failure", "Request"]


@define(kw_only=True)
class Failure:
    """A stage that fails, for one meter point or for the mass.

    Attributes:
        id: ``F1``, ``F2``, in order of opening.
        stage: its number.
        mprn: empty for the mass.
        since: when it began, which may be before it was opened.
        closed: None while it is open.
        ended: when it ended, which may be before it was closed.
        told: the names of the levels of escalation that were told.
        model: hash of the working model at the time.
    """

    id: str
    stage: int
    mprn: str
    since: datetime
    opened: datetime
    who: str
    why: str
    model: str = ""
    ended: datetime | None = None
    closed: datetime | None = None
    closed_by: str = ""
    closed_why: str = ""
    told: list[str] = field(factory=list)

    @property
    def mass(self) -> bool:
        """Whether it is one of an interface, not of a meter point."""
        return not self.mprn


@define(kw_only=True)
class Request:
    """A request to switch a meter point, and how far it has come.

    Attributes:
        key: sender and transaction number.
        started: when its clock began.
        arrival: the journal's number; 0 if it came another way.
        alarms: minutes after the start at which is warned; the last is the backstop.
        warned: when each alarm was given.
        handed: when networks had it, through the hub or by hand.
        resolved: when it was done, refused or cancelled.
        outcome: ``answered``, ``by hand``, ``cancelled`` or ``refused``; empty while open.
        held: why it waits for a person; empty if it does not.
        hash: of its bytes.
    """

    key: str
    mprn: str
    reason: str
    kind: Kind
    started: datetime
    recorded: datetime
    arrival: int = 0
    hash: str = ""
    alarms: tuple[float, ...] = ()
    warned: list[datetime] = field(factory=list)
    handed: datetime | None = None
    sent: datetime | None = None
    resolved: datetime | None = None
    outcome: str = ""
    held: str = ""
    channel: str = ""
    reference: str = ""
    answers: list[tuple[datetime, str]] = field(factory=list)

    def due(self, alarm: int) -> datetime:
        """The instant of an alarm."""
        return self.started + timedelta(minutes=self.alarms[alarm])

    @property
    def backstop(self) -> datetime | None:
        """When it has to be done; None if nothing says so."""
        return self.due(len(self.alarms) - 1) if self.alarms else None

    def breached(self, at: datetime) -> bool:
        """Whether its backstop is past, and it was not done in time."""
        if self.backstop is None or self.outcome == "cancelled":
            return False
        return (self.resolved or at) > self.backstop

    @property
    def warned_in_time(self) -> bool:
        """Whether anyone was warned before the backstop."""
        return self.backstop is None or any(one < self.backstop for one in self.warned)

    @property
    def tx(self) -> str:
        """The transaction number."""
        return self.key.split("/", 1)[-1]


@define(kw_only=True)
class ByHand:
    """Something done by webform or phone.

    Attributes:
        before: a request that began so long before it is the same.
        after: a request that begins so long after it is the same still, unless the meter
            point was switched the other way between.
    """

    at: datetime
    who: str
    mprn: str
    reason: str
    kind: Kind
    channel: str
    reference: str
    key: str = ""
    before: timedelta = timedelta()
    after: timedelta = timedelta()


@define(kw_only=True)
class BackFix:
    """A record downstream that has to be corrected, until somebody confirms that it is.

    Attributes:
        id: ``B1``, ``B2``, in order.
        mprn: empty if it is about the stage as a whole.
        because: what made it wrong: a failure, or the reference of what was done by hand.
    """

    id: str
    stage: int
    record: str
    mprn: str
    because: str
    made: datetime
    confirmed: datetime | None = None
    who: str = ""
    reference: str = ""


@define(frozen=True)
class Alarm:
    """An alarm that is due: of a request, and which of its alarms."""

    request: Request
    number: int

    @property
    def last(self) -> bool:
        """Whether it is the backstop itself."""
        return self.number == len(self.request.alarms) - 1
