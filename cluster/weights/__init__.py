"""The parameters of the engines: which path a configured model means, and the store of what makers publish."""
