"""What a release consists of, made from what is committed."""
