"""What happens to texts: slips of fingers, misread scans, other signs, lost and repeated words."""
