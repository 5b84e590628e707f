"""What commands print, where it is more than a line."""
