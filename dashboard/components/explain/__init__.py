"""The Explain page: one picture, its maps, and how far to trust them."""
