"""Linear operators and their algebra."""

from scanmill.operators.linear import LinearOperator

__all__ = ["LinearOperator"]
