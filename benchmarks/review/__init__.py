"""What review by people brings, with the truth of pages as a person who makes no mistakes."""
