"""What other systems hand in, and what they take out."""
