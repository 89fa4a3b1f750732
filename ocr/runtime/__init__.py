"""What any process of the service needs that has nothing to do with text: timing, pickling, memory of a card,
the environment of processes that it starts.
"""
