"""The crystals of a job to look through: filters, order, and a table."""

from difusa.apps import jobs, listing, materials_rows
from difusa.apps import materials_words as words

CHOSEN = "chosen_crystal"  # its row, in the session


def told(_) -> listing.Words:
    """What the list calls things."""
    several = {"valid": _("Sound"), "unbalanced": _("Charges do not balance"), "broken": _("Impossible")}
    once = _("Each composition and space group once")
    return listing.Words(lambda n: words.named(n, _), lambda n: words.help_of(n, _), several, once)


def choose(job: jobs.Job, rows: list[dict], _) -> list[dict]:
    """The widgets and the table; the rows that pass, in the visitor's order."""
    names, statuses = materials_rows.figures(rows), words.statuses(_)
    found = listing.narrowed(rows, names, materials_rows.kind, told(_), _)
    texts = {
        "row": ("#", lambda r: r["row"]),
        "formula": (_("Composition"), lambda r: r["tags"]["formula"]),
        "symbol": (_("Space group"), lambda r: r["symbol"] or "-"),
        "status": (_("Status"), lambda r: statuses[r["status"]]),
    }
    listing.table(found, names, texts, told(_), CHOSEN, f"table-{job.id}")
    return found
