"""What is known of written text itself: its characters, the way it runs, its languages, and forms of writing it."""
