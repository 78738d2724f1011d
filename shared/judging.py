"""What reports on generated things share: a judge that may hang asked of many, failures with their reason, figures as JSON."""

from collections.abc import Callable, Sequence

from difusa.shared.metrics import Interval, share

NOTHING = Interval(float("nan"), float("nan"), float("nan"), 0, 0)


def each(judge: Callable, items: Sequence, chosen: Sequence[int], workers: int, seconds: float, name: str):
    """judge(items[i]) for every i of chosen through `limited`: {i: value}, the failures, and its processor seconds an item."""
    from difusa.shared.limited import limited
    from difusa.shared.run import Meter

    found, failed, spent, meter = {}, [], 0.0, Meter()
    for k, outcome in limited(judge, [items[i] for i in chosen], seconds=seconds, workers=workers):
        spent += outcome.seconds
        if outcome.reason:
            failed.append(failure(chosen[k], name, outcome.reason))
        else:
            found[chosen[k]] = outcome.value
        meter(len(found) + len(failed), len(chosen))
    return {i: found[i] for i in sorted(found)}, failed, spent / len(chosen) if chosen else None


def failure(index: int, judge: str, reason: str) -> dict:
    """An entry of a report's `failures`; rows are counted from 1."""
    return {"row": index + 1, "judge": judge, "reason": reason}


def proportion(seen: Sequence) -> Interval:
    """The share of what is true, with its interval; NOTHING of nothing."""
    return share([float(bool(h)) for h in seen]) if len(seen) else NOTHING


def as_json(found: Interval) -> dict:
    """An interval as JSON: NaN, which JSON has not, becomes None."""
    return {k: None if v != v else v for k, v in vars(found).items()}
