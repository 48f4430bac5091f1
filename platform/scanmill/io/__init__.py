"""One file per foreign format; its convention dies there."""
