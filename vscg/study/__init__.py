"""What the book asks: the paper's tables, the runs they need, and what was measured."""
