"""The computer: files and folders, the device, recorded steps, rounded products, processes and clusters."""
from vscg.machine.device import device_name, usable_device
from vscg.machine.files import ave_dir, data_dir, runs_dir
