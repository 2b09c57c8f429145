"""A cut-over's plan and exchange for tests, after the example's."""

from __future__ import annotations

from pathlib import Path

from attrs import define, field

from dflow.cutover import CutoverPlan, load_plan
from dflow.cutover.gate import cutover_changes
from dflow.delivery import Treatment
from dflow.envelope import Header, Party, Trailer
from dflow.exchange import Exchange, Mount, Source
from dflow.exchange.journal import Journal
from dflow.operation import SetClock, instant_from
from dflow.routing import Routes
from dflow.transport import MemoryInbox
from support_exchange import Moody

EXAMPLES = Path(__file__).parents[1] / "examples"
PLAN: CutoverPlan = load_plan(EXAMPLES / "stage_0" / "plan.toml")
AREAS = "\ndestination area-xxxx\ndestination area-udms\n"
BEFORE = Routes.parse((EXAMPLES / "dtc_12_5" / "before.routes").read_text("utf-8") + AREAS)
CHANGES = cutover_changes(PLAN, BEFORE)
AFTER = CHANGES.apply(BEFORE)
IN_ORDER = Treatment(order="all")
XXXX, UDMS = Party("P", "XXXX"), Party("X", "UDMS")


def file(
    number: int,
    flow: str = "D0217",
    version: str = "002",
    sender: Party = XXXX,
    recipient: Party = UDMS,
) -> bytes:
    """A file without a body: rules look at the address."""
    file_id = f"{number:010d}"
    header = Header(
        flow=flow,
        version=version,
        sender=sender,
        recipient=recipient,
        file_id=file_id,
        created="20190627120000",
        test_flag="OPER",
    )
    trailer = Trailer(file_id=file_id, group_count=0, flow_count=0, completed="20190627120000")
    return header.encode() + b"\n" + trailer.encode() + b"\n"


@define(eq=False)
class Gateway:
    """The exchange of the example in memory, at whatever instant its clock shows."""

    journal: Journal
    routes: Routes = AFTER
    clock: SetClock = field(factory=lambda: SetClock(instant_from("2019-06-20T09:00")))
    inbox: MemoryInbox = field(factory=MemoryInbox)
    boxes: dict[str, Moody] = field(factory=dict)

    def exchange(self) -> Exchange:
        """A new exchange over the same journal, as after a crash."""
        for one in self.routes.destinations:
            self.boxes.setdefault(one.name, Moody())
        return Exchange(
            routes=self.routes,
            journal=self.journal,
            mounts=[
                Mount(name=name, outbox=box, treatment=IN_ORDER) for name, box in self.boxes.items()
            ],
            sources=[Source(name="in", inbox=self.inbox)],
            clock=self.seconds,
        )

    def seconds(self) -> float:
        """The clock, as the exchange wants it."""
        return self.clock.now().timestamp()
