"""What several pages show: pickers, the panel of a run, numbers with their intervals."""
