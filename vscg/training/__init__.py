"""What happens to a model: configuration, losses, the loop, evaluation, records, sweeps."""
from vscg.training.config import SCHEDULES, looks
from vscg.training.evaluation import (
    background_accuracy,
    bootstrap_interval,
    clip_accuracy,
    confusion_matrix,
    event_accuracy,
    paired_difference,
    segment_accuracy,
    trivial_baselines,
)
