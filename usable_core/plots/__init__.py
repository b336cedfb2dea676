"""Figures: pure functions from results to Plotly."""
