"""What pages of every kind use: pickers, the panel of a run, numbers with intervals."""
