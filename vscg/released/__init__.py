"""The authors' weights in our models: names, and reading checkpoints without running them."""
