"""What callers who wait for a page notice of callers who have jobs read."""
