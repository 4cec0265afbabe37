"""What happens to a model: configuration, losses, the loop, evaluation, records, sweeps."""
