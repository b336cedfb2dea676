"""Parts of the page "Is it fit?"."""
