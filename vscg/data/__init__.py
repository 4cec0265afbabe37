"""What goes in: labels, prepared files, the real AVE, planted data, and data sets by name."""
from vscg.data.ave import repeated_videos, shared_videos
from vscg.data.labels import BACKGROUND, CATEGORIES, CLASSES, EVENT_CLASSES, SEGMENTS, Dims, labels_from_annotations
from vscg.data.prepared import Dataset
from vscg.data.sets import dataset_fingerprint, load_dataset, prepared_file, silent_objects
