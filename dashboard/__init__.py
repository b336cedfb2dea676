"""The pages in the browser: they ask the core and show its answers."""
