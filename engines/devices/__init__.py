"""How each framework is told its threads and its share of a graphics card."""
