"""What happens to a model: configuration, losses, the loop, evaluation, records, sweeps."""
from vscg.training.config import SCHEDULES, looks
from vscg.training.evaluation import (
    background_accuracy,
    bootstrap_interval,
    bounds,
    clip_accuracy,
    confusion_matrix,
    draws,
    event_accuracy,
    paired_difference,
    resampled_means,
    segment_accuracy,
    trivial_baselines,
)
