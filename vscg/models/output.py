"""What every system returns, in one shape."""
from collections.abc import Mapping
from dataclasses import dataclass, field, fields

from torch import Tensor


@dataclass
class Output:
    """Outputs of one forward pass; a field that a system does not produce is None.

    B clips; the numbers are AVE's: T = 10 segments, 28 events and background, maps of 7 x 7."""
    event_relevance: Tensor | None = None      # (B,T) logits: event or not (Eq. 14); weakly "published" CMBS: its gate
    event_category: Tensor | None = None       # (B,28) logits: which event the clip holds (Eq. 15)
    segment_logits: Tensor | None = None       # (B,T,29) logits: event or background (28) of each segment
    video_probability: Tensor | None = None    # (B,29) the clip's class distribution, weakly supervised (O_c^w)
    smooth_probability: Tensor | None = None   # (B,29) softmax of video_probability (Eq. 21)
    similarity: Tensor | None = None           # (B,T) of sound and picture: a cosine; "product" (Eq. 16) has no bounds
    attention: Tensor | None = None            # (B,T,7,7) audio-guided attention, sums to 1 over the map
    threshold: float = 0.5                     # tau_b: a segment is an event where sigmoid(event_relevance) exceeds it
    extras: Mapping[str, Tensor] = field(default_factory=dict)   # what only one system has

    def float(self) -> "Output":
        """The same outputs in float32, which losses and metrics are computed in."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        tensors = {name: value.float() for name, value in values.items() if isinstance(value, Tensor)}
        return Output(**{**values, **tensors, "extras": {name: value.float() for name, value in self.extras.items()}})


def predict_segments(output: Output) -> Tensor:
    """Class of every segment: (B,T) int64, an event, or the last class, background (of AVE 28).

    Systems with a relevance (Sec. III-E) say the clip's event where it passes the threshold and background elsewhere;
    the others take the most likely of the segment classes. The clip's event is the largest `event_category`, or the
    largest of the `raw_logits` where a system has these, which may be background.
    """
    if output.event_relevance is None:
        return output.segment_logits.argmax(-1)
    clip = output.extras.get("raw_logits", output.event_category)
    background = clip.shape[-1] - 1 if "raw_logits" in output.extras else clip.shape[-1]
    category = clip.argmax(-1, keepdim=True).expand_as(output.event_relevance)
    return category.masked_fill(output.event_relevance.sigmoid() <= output.threshold, background)
