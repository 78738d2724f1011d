"""What a heritage job does beside the verb itself."""

from collections.abc import Callable


def find(progress: Callable[[int, int], None], **arguments) -> None:
    """Looks for damage; the verb tells no progress."""
    from difusa.domains.heritage.find import find_damage

    find_damage(**arguments)
