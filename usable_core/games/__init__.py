"""Games of hiding: players are parts of an input, the pay-off is what a frozen model answers."""
