"""What models take: `Input`, and its two forms: `Preprocessing` of pictures, `Tokens` of texts."""
