"""Where models come from: one file per kind of reference, listed in `catalog.models.SOURCES`."""
