"""What a stranger adds: each module is one addition, and `rows` has the one row that each takes."""
