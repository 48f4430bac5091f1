"""What a job can ask for: one literal table (`table`), one function each."""
