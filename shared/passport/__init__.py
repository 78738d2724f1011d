"""One signed record for all that is generated: keys, the record and its envelope, what it vouches for, and how it is checked."""

from difusa.shared.passport.attaching import PARTLY, WHOLLY, Facts, attach, named, sidecar

__all__ = ["PARTLY", "WHOLLY", "Facts", "attach", "named", "sidecar"]
