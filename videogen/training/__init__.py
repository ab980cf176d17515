"""Training pocket: a loop that any stage can use, exact resume, and export to a shippable folder."""
