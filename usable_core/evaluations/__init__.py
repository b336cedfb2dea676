"""Questions and answers: what can be asked of a model, and what comes back."""
