"""The bytes of an image file to its picture."""
