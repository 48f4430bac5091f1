"""What the field calls algorithms, as pure functions that read like their equation."""
