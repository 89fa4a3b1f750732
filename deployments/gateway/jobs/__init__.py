"""Jobs by HTTP: what is done for each route, and the answers."""
