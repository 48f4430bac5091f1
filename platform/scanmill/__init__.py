"""Scanmill: a mill for scans. `import scanmill` is cheap: nothing heavy is loaded before it is used."""

__version__ = "0.1.0"
