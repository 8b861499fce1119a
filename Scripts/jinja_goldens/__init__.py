"""Templates whose output by Python's Jinja is the measure for this package's Jinja module."""
