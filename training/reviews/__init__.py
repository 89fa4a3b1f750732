"""From what people said in reviews to a better vote: the lines, the fit, what it is worth."""
