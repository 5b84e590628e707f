"""What comes from outside cytobench: predictions of other systems, to be scored and to be recorded."""
