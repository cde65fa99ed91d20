"""What a table gives to the report."""
import dataclasses


@dataclasses.dataclass
class Table:
    caption: str
    head: list
    rows: list  # of lists of text; the first column names the row


@dataclasses.dataclass
class Chart:
    caption: str
    svg: str


@dataclasses.dataclass
class Claim:
    """Something the report says of Studyhall: `value` holds against `bound`, both as text."""
    text: str
    value: str
    bound: str
    holds: bool


@dataclasses.dataclass
class Section:
    name: str
    title: str
    text: str
    tables: list = dataclasses.field(default_factory=list)
    charts: list = dataclasses.field(default_factory=list)
    claims: list = dataclasses.field(default_factory=list)
    ratios: dict = dataclasses.field(default_factory=dict)  # for bench-check: {name: number}


def seconds(value):
    """As short as its size allows: 12.3 s, 4.62 s, 35 ms, 0.8 ms."""
    if value is None:
        return "–"
    if value >= 1:
        return f"{value:.1f} s" if value >= 10 else f"{value:.2f} s"
    return f"{value * 1000:.0f} ms" if value >= 0.01 else f"{value * 1000:.1f} ms"


def ratio(one, other):
    """one / other as text and number; of nothing "–" and None."""
    if one is None or not other:
        return "–", None
    return f"{one / other:.3f}" if one < other else f"{one / other:.1f}", one / other
