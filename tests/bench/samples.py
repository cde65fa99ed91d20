"""Figures of a list of samples."""


def percentile(ordered, percent):
    """Of a sorted list: the least value that at least so many percent do not exceed."""
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]


def summary(values):
    """Count, mean and percentiles; {"count": 0} of nothing."""
    ordered = sorted(values)
    if not ordered:
        return {"count": 0}
    return {"count": len(ordered), "mean": sum(ordered) / len(ordered), "p50": percentile(ordered, 50),
            "p95": percentile(ordered, 95), "p99": percentile(ordered, 99), "max": ordered[-1]}
