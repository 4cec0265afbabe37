"""CMRA, the cross-modal relation-aware network (ACM MM 2020)."""
from torch import Tensor, nn

from vscg.data.labels import AVE, Dims
from vscg.models.channel_attention import SpatialChannelAttention, visual_layer
from vscg.models.heads import TwoPartHead
from vscg.models.output import Output
from vscg.models.transformer import CrossModalTransformer, Interaction, gated_probability


class CMRA(nn.Module):
    """Spatial-channel attention, a cross-modal transformer, their interaction and a two-part head.

    `visual_dropout` is the rate after the first map of the visual regions, `dropout` that in the transformer and in the
    interaction; `twins` as for `Encoder`.
    """

    def __init__(self, setting: str, *, visual_dropout: float = 0.2, dropout: float = 0.1, twins: bool = True,
                 dims: Dims = AVE):
        super().__init__()
        self.fully = setting == "fully"
        self.visual_layer = visual_layer(visual_dropout, dims.visual)
        self.attention = SpatialChannelAttention(dims)
        self.transformer = CrossModalTransformer(dims.audio, dims.visual, dropout=dropout, decoder_dropout=dropout,
                                                 twins=twins)
        self.interaction = Interaction(heads=4 if self.fully else 2, dropout=dropout, attention_dropout=dropout)
        self.head = TwoPartHead(events=dims.events if self.fully else dims.classes)

    def forward(self, audio: Tensor, visual: Tensor) -> Output:
        """Audio (B,10,128) and visual maps (B,10,7,7,512) to `Output`; weakly, extras hold raw_logits (B,29)."""
        attended, weights = self.attention(audio, self.visual_layer(visual.flatten(2, 3)))   # (B,T,512)
        attention = weights.unflatten(-1, visual.shape[2:4])
        _, (audio, visual) = self.transformer(audio, attended)                     # (B,T,256)
        relevance, category = self.head(self.interaction(visual, audio))
        if self.fully:
            return Output(event_relevance=relevance, event_category=category, attention=attention)
        return Output(event_relevance=relevance, video_probability=gated_probability(relevance.sigmoid(), category),
                      attention=attention, extras={"raw_logits": category})
