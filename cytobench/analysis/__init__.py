"""What records say: rows ranked and compared, and the published figures beside them."""
