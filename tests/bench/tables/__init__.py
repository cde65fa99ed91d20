"""One module a table of the report: `cells(level)`, `measure(rig, cell)` and `section(results)`."""
from . import t1, t2, t3, t4, t5, t6, t7, t8

TABLES = (t1, t2, t3, t4, t5, t6, t7, t8)
