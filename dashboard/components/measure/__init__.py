"""What the measuring pages share: their forms, runs and figures."""
