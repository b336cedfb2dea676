"""What models take: `Input`, and the form of it that texts have."""
