"""The computer: files, paths, the device, recorded steps, rounded products, a cluster."""
