"""Hypothesis strategies for flows, items and headers of any catalogue.

In: a flow's number and version, or its definition, your own included.  Out: strategies
whose examples are valid: structure, formats, code lists, check digits, dates, counts
and trailer.  This module does not know the code under test.

`@given(flow_bytes("D0010", "002"))` hands a test the bytes of valid meter readings.

A failing example shrinks to the smallest file that still shows the fault: records go,
values become simple, and the envelope stays right throughout, because counts and
trailer are worked out after the choices are made (see `dflow.generator.shape`).
"""

from __future__ import annotations

from attrs import evolve
from hypothesis import reject
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from dflow.catalogue import Catalogue, FlowDef, ItemDef, bundled
from dflow.envelope import Header
from dflow.flow import Flow
from dflow.generator import calendar
from dflow.generator.heads import HEADER_WIDTH, header_from
from dflow.generator.plan import FlowPlan, plan_flow, role_pairs
from dflow.generator.shape import make_body, make_file
from dflow.generator.values import value_maker
from dflow.parse import read
from dflow.testing.draft import draft_of
from dflow.testing.faults import fault_maker, refuse_impossible
from dflow.testing.faulty import Faulty
from dflow.testing.routing import arrivals, releases, rule_sets, rules

__all__ = [
    "any_bytes_like",
    "arrivals",
    "faulty",
    "flow_bytes",
    "flow_definitions",
    "flows",
    "headers",
    "items",
    "pool_bytes",
    "releases",
    "rule_sets",
    "rules",
]

#: At most so many records a file are chosen, unless asked otherwise; more may be owed.
_MOST = 16

#: Mangled files are cut off here: doubling eight times must not fill the memory.
_MOST_BYTES = 1 << 16

_BLOWS: SearchStrategy[tuple[int, int, int, bytes]] = st.tuples(
    st.integers(0, 5),
    st.integers(0, 4096),
    st.integers(0, 4096),
    st.one_of(
        st.binary(max_size=4),
        st.sampled_from([b"|", b"\n", b"\r\n", b"\r", b"\x00", b"ZPT|", b"ZHV|", b"\xef\xbb\xbf"]),
    ),
)

_DAYS = calendar.LAST_DAY - calendar.EPOCH


def items(item: ItemDef | str, *, catalogue: Catalogue | None = None) -> SearchStrategy[str]:
    """Values of a data item, by J-code or definition; never blank.

    `items("J0003")` gives MPANs of real distributors with the right check digit.

    Raises:
        LookupMiss: if the catalogue does not hold the J-code.
        StructureError: if the item can have no value.
    """
    if isinstance(item, str):
        item = (catalogue or bundled()).item(item)
    maker = value_maker(item)
    numbers = st.integers(0, maker.span - 1)
    days = st.integers(calendar.EPOCH, calendar.EPOCH + _DAYS)
    return st.builds(maker.make, numbers, days)


def headers(
    flow: str | FlowDef = "", version: str = "", *, catalogue: Catalogue | None = None
) -> SearchStrategy[Header]:
    """Headers of user files: of one flow version, or of any in the catalogue.

    The roles are those of the flow's routes where role codes are known.  Flow versions
    without a known structure are included: their envelope is known.
    """
    if flow:
        definition = _definition(flow, version, catalogue)
        return _headers_of(definition, catalogue)
    source = catalogue or bundled()
    return st.sampled_from(source.keys).flatmap(lambda key: _headers_of(source[key], source))


def flow_definitions(catalogue: Catalogue | None = None) -> SearchStrategy[FlowDef]:
    """Flow versions with a known structure."""
    source = catalogue or bundled()
    return st.sampled_from(_structured_keys(source)).map(source.__getitem__)


def _structured_keys(catalogue: Catalogue) -> list[tuple[str, str]]:
    return [flow.key for flow in catalogue if flow.structured]


def flow_bytes(
    flow: str | FlowDef | None = None,
    version: str = "",
    *,
    fewest: int = 0,
    most: int = _MOST,
    catalogue: Catalogue | None = None,
) -> SearchStrategy[bytes]:
    """The bytes of valid files.

    Args:
        flow: a flow's number or definition; any flow of the catalogue if left out.
        version: its version; the latest if left out.
        fewest: at least so many body records, as far as the flow's ranges allow it.
        most: at most so many, beyond those that the catalogue demands.
        catalogue: where to look the flow up; the bundled one if left out.

    Raises:
        LookupMiss: if the catalogue does not hold the flow version.
        StructureError: if its structure is not known, or an item can have no value.
    """
    if flow is None:
        keys = _structured_keys(catalogue or bundled())
        return st.sampled_from(keys).flatmap(
            lambda key: flow_bytes(*key, fewest=fewest, most=most, catalogue=catalogue)
        )
    plan = plan_flow(_definition(flow, version, catalogue), (catalogue or bundled()).roles)
    return _files(plan, fewest, most)


def flows(
    flow: str | FlowDef | None = None,
    version: str = "",
    *,
    fewest: int = 0,
    most: int = _MOST,
    catalogue: Catalogue | None = None,
) -> SearchStrategy[Flow]:
    """Valid files as trees; the arguments and errors are those of `flow_bytes`."""
    data = flow_bytes(flow, version, fewest=fewest, most=most, catalogue=catalogue)
    if isinstance(flow, FlowDef):
        catalogue = (catalogue or bundled()).holding(flow)
    if catalogue is None:
        return data.map(read)  # a failing example is shown as read(b"...")
    return data.map(lambda made: read(made, catalogue=catalogue))


def pool_bytes(
    flow: str | FlowDef | None = None,
    version: str = "",
    *,
    fewest: int = 0,
    most: int = _MOST,
    catalogue: Catalogue | None = None,
) -> SearchStrategy[bytes]:
    """The bytes of valid pool files: a short or long ZHD header, a checksum in the trailer.

    The arguments and errors are those of `flow_bytes`.  Any flow stands in this envelope,
    whether it is seen in it or not.
    """
    if flow is None:
        keys = _structured_keys(catalogue or bundled())
        return st.sampled_from(keys).flatmap(
            lambda key: pool_bytes(*key, fewest=fewest, most=most, catalogue=catalogue)
        )
    plan = plan_flow(_definition(flow, version, catalogue), (catalogue or bundled()).roles)
    return _files(plan, fewest, most, pool=True)


def faulty(
    files: SearchStrategy[bytes | Flow],
    fault: str,
    *,
    catalogue: Catalogue | None = None,
) -> SearchStrategy[Faulty]:
    """Files with exactly one fault, named by the code of the finding that tells of it.

    `dflow.check` reports that code at `Faulty.line` and `Faulty.column`, and no other
    error.  Files that have no place for the fault are passed over.

    Args:
        files: valid files, from `flow_bytes` or `flows`.
        fault: the code of a finding, a key of `dflow.findings.KINDS`.
        catalogue: the catalogue that holds the files' flows; the bundled one if left out.

    Raises:
        LookupMiss: if no finding has this code.
        StructureError: when it is drawn from, if no file of the flow can have the fault, or
            the files are not valid ones.
    """
    maker = fault_maker(fault)
    known = catalogue or bundled()

    @st.composite
    def spoiled(draw: st.DrawFn) -> Faulty:
        made = draw(files)
        flow = read(made, catalogue=known) if isinstance(made, bytes) else made
        ways = list(maker(draft_of(flow, known)))
        if not ways:
            refuse_impossible(fault, flow, known)
            reject()
        way = ways[draw(st.integers(0, 0xFFFF)) % len(ways)]
        return Faulty(data=way.make(), fault=fault, line=way.line, column=way.column)

    return spoiled()


def any_bytes_like(
    files: SearchStrategy[bytes | Flow],
) -> SearchStrategy[bytes]:
    """Bytes that look like these files and may be anything: for tests of tolerance.

    Pieces of a file are cut out, doubled, moved and overwritten with other bytes, up to
    eight times; nothing is promised of the result.
    """

    @st.composite
    def mangled(draw: st.DrawFn) -> bytes:
        data = bytes(draw(files))
        for kind, at, to, junk in draw(st.lists(_BLOWS, max_size=8)):
            start, stop = sorted((at % (len(data) + 1), to % (len(data) + 1)))
            before, piece, after = data[:start], data[start:stop], data[stop:]
            data = {
                0: before + after,
                1: before + junk + piece + after,
                2: before + piece + piece + after,
                3: before + junk + after[len(junk) - len(piece) :],
                4: after + before,
                5: before + piece[::-1] + after,
            }[kind][:_MOST_BYTES]
        return data

    return mangled()


def _files(plan: FlowPlan, fewest: int, most: int, *, pool: bool = False) -> SearchStrategy[bytes]:
    one = st.binary(min_size=plan.width, max_size=plan.width)
    choices = st.lists(one, min_size=fewest, max_size=most)
    head = st.binary(min_size=HEADER_WIDTH, max_size=HEADER_WIDTH)
    flow, version = plan.definition.key

    # A composite, so that a failing example is shown as the file that it is.
    @st.composite
    def files(draw: st.DrawFn) -> bytes:
        made = header_from(draw(head), flow, version, plan.roles)
        if pool:
            made = evolve(made, header=_pooled(made.header, short=draw(st.booleans())))
        return make_file(plan, made.header, make_body(plan, draw(choices), made), end=made.end)

    return files()


def _pooled(header: Header, *, short: bool) -> Header:
    """The header as a pool file's: without an identifier, and the short one without more."""
    if not short:
        return evolve(header, envelope="ZHD", file_id="")
    return Header(
        flow=header.flow,
        version=header.version,
        sender=header.sender,
        recipient=header.recipient,
        created=header.created,
        envelope="ZHD short",
    )


def _headers_of(flow: FlowDef, catalogue: Catalogue | None) -> SearchStrategy[Header]:
    roles = role_pairs(flow, (catalogue or bundled()).roles)
    head = st.binary(min_size=HEADER_WIDTH, max_size=HEADER_WIDTH)

    @st.composite
    def made(draw: st.DrawFn) -> Header:
        return header_from(draw(head), flow.flow, flow.version, roles).header

    return made()


def _definition(flow: str | FlowDef, version: str, catalogue: Catalogue | None) -> FlowDef:
    if isinstance(flow, FlowDef):
        return flow
    source = catalogue or bundled()
    return source[flow, version] if version else source.latest(flow)
