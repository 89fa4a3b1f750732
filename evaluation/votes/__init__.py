"""What the vote did on lines with truth: where it chose otherwise than its best engine, slot by slot."""
