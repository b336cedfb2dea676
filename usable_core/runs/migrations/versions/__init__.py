"""The steps, each named by its number (`revision`), not by its file."""
