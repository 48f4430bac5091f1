"""The engine: job spec, plan, the pure scheduler, the ledger, the worker, and what performs it."""
