"""What the commands show in a terminal: messages, tables, progress."""
