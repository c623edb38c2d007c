"""Hindi: times of 24 hours. Those of Django do not say whether it is morning."""
