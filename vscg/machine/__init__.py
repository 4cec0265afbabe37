"""The computer: files, paths, the device, recorded steps, rounded products, a cluster."""
from vscg.machine.device import best_device, device_name
from vscg.machine.files import ave_dir, data_dir, runs_dir

__all__ = ["ave_dir", "best_device", "data_dir", "device_name", "runs_dir"]
