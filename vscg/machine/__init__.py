"""The computer: files and folders, the device, recorded steps, rounded products, processes and clusters."""
from vscg.machine.device import cores, workers

__all__ = ["cores", "workers"]
