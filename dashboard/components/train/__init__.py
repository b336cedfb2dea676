"""What the page of training asks and shows."""
