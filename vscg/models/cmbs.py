"""CMBS, cross-modal background suppression (CVPR 2022)."""
from torch import Tensor, nn

from vscg.data.labels import AVE, Dims
from vscg.errors import VscgError, choose
from vscg.models.channel_attention import ChannelGate, GuidedPooling, apply_gate, visual_layer
from vscg.models.encoder import BiLSTM
from vscg.models.heads import TwoPartHead
from vscg.models.output import Output
from vscg.models.plug import build_plug
from vscg.models.transformer import CrossModalTransformer, Interaction, gated_probability

STRONGEST = 4      # segments whose scores stand for the clip
RULES = ("published", "mended")


class SelfAttentiveSpatialAttention(nn.Module):
    """CMRA's spatial-channel attention; regions first look at one another, and a visual summary scales the result.

    `beta` says how much the visual summary adds; `dropout` is the rate after the regions' attention to one another; if
    `scaled`, the products of queries and keys are divided by the root of their size, which they are not as published.
    """

    def __init__(self, *, beta: float, dropout: float, scaled: bool = False, dims: Dims = AVE):
        super().__init__()
        self.beta, self.scale = beta, 128 ** -0.5 if scaled else 1.0
        audio, visual = dims.audio, dims.visual
        self.query, self.key, self.value = nn.Linear(visual, 128), nn.Linear(visual, 128), nn.Linear(visual, visual)
        self.dropout, self.norm = nn.Dropout(dropout), nn.LayerNorm(visual)
        self.visual_spatial = GuidedPooling(visual, visual)
        self.channel, self.spatial = ChannelGate(audio, visual), GuidedPooling(audio, visual)

    def forward(self, audio: Tensor, regions: Tensor) -> tuple[Tensor, Tensor]:
        """Audio (...,128) and regions (...,R,512) to the attended vector (...,512) and the weights (...,R)."""
        similarity = (self.scale * self.query(regions) @ self.key(regions).mT).softmax(-1)   # (...,R,R)
        related = self.norm(regions + self.dropout(similarity @ self.value(regions)))
        summary, _ = self.visual_spatial(related.mean(-2), related)
        # The gates come from the related regions but act on the original ones.
        attended, weights = self.spatial(audio, apply_gate(regions, self.channel(audio, related)))
        return attended * (1 + self.beta * summary.sigmoid()), weights


def strongest_mean(scores: Tensor) -> Tensor:
    """Mean over the four segments with the largest scores, for each class: (B,T,C) to (B,C)."""
    return scores.topk(STRONGEST, dim=1).values.mean(1)


class CMBS(nn.Module):
    """CMRA's transformer with gates that suppress background segments and classes that neither modality supports.

    Args:
        rule: weakly supervised only. "published" takes the gate, a probability, for a logit: its sigmoid always exceeds
            one half, so every segment gets the clip's class. "mended" returns the gate's logit, so that the gate itself
            is held against the threshold.
        crossed: whether each modality's gate scales the other modality, not its own; None: as published, if fully.
        plug: what stands between the interactions and the head, one of `plug.PLUGS` (Table IV).
        visual_dropout: rate after the first map of the visual regions; None takes 0.2 (fully) or 0.1 (weakly).
        scaled, region_dropout: of `SelfAttentiveSpatialAttention`.
        dropout: rate in the transformer and after the interactions' attention.
        interaction_dropout: rate on the interactions' attention weights.
    Raises VscgError: an unknown choice, a rule in the setting that has none, or fewer segments than are picked.
    """

    def __init__(self, setting: str, *, rule: str = "published", crossed: bool | None = None, scaled: bool = False,
                 plug: str = "none", visual_dropout: float | None = None, region_dropout: float = 0.2,
                 dropout: float = 0.1, interaction_dropout: float = 0.2, dims: Dims = AVE):
        super().__init__()
        choose("rule", rule, RULES)
        if rule != "published" and setting == "fully":
            raise VscgError(f"CMBS, fully supervised, has no rule {rule!r}: leave it out.")
        if dims.segments < STRONGEST:
            raise VscgError(f"CMBS judges a clip by its {STRONGEST} strongest segments, and these clips have "
                            f"{dims.segments}: take another system.")
        self.fully, self.mended = setting == "fully", rule == "mended"
        self.crossed = self.fully if crossed is None else crossed
        if visual_dropout is None:
            visual_dropout = 0.2 if self.fully else 0.1
        self.alpha, self.gamma = (0.1, 0.3) if self.fully else (0.2, 0.5)
        self.visual_layer = visual_layer(visual_dropout, dims.visual)
        self.attention = SelfAttentiveSpatialAttention(beta=0.4 if self.fully else 0.5, dropout=region_dropout,
                                                       scaled=scaled, dims=dims)
        self.audio_lstm = BiLSTM(dims.audio, 128) if self.fully else nn.Identity()
        self.visual_lstm = BiLSTM(dims.visual, 256) if self.fully else nn.Identity()
        self.transformer = CrossModalTransformer(
            256 if self.fully else dims.audio, 512 if self.fully else dims.visual,
            encoder_hidden=1024 if self.fully else 2048, decoder_hidden=1024, dropout=dropout, decoder_dropout=dropout)
        self.audio_gate, self.visual_gate = nn.Linear(256, 1), nn.Linear(256, 1)
        classes = dims.events if self.fully else dims.classes
        self.audio_class, self.visual_class = nn.Linear(256, classes), nn.Linear(256, classes)
        options = dict(heads=4 if self.fully else 2, dropout=dropout, attention_dropout=interaction_dropout)
        self.visual_interaction, self.audio_interaction = Interaction(**options), Interaction(**options)
        self.plug = build_plug(plug, setting, dims)
        self.head = TwoPartHead(events=classes) if self.fully else nn.Conv1d(256, classes, 1, bias=False)

    def suppress(self, encoded: tuple[Tensor, Tensor], decoded: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """Encoded and decoded pairs (B,T,256) to the scaled audio and visual sequences and the segments' gate (B,T)."""
        (audio_encoded, visual_encoded), (audio, visual) = encoded, decoded
        audio_gate = self.audio_gate(audio_encoded).sigmoid()                      # (B,T,1)
        visual_gate = self.visual_gate(visual_encoded).sigmoid()
        gate = audio_gate * visual_gate if self.fully else (audio_gate + visual_gate) / 2
        if self.crossed:
            audio_gate, visual_gate = visual_gate, audio_gate
        keep = 1.0 if self.fully else 1 - self.alpha
        return audio * (keep + self.alpha * audio_gate), visual * (keep + self.alpha * visual_gate), gate.squeeze(-1)

    def forward(self, audio: Tensor, visual: Tensor) -> Output:
        """Audio (B,10,128) and visual maps (B,10,7,7,512) to `Output`.

        Extras: gate (B,T) in (0,1) and, fully, av_score (B,28) logits or, weakly, raw_logits (B,29).
        """
        attended, weights = self.attention(audio, self.visual_layer(visual.flatten(2, 3)))   # (B,T,512)
        attention = weights.unflatten(-1, visual.shape[2:4])
        encoded, decoded = self.transformer(self.audio_lstm(audio), self.visual_lstm(attended))
        audio, visual, gate = self.suppress(encoded, decoded)                      # (B,T,256)
        audio_class, visual_class = self.audio_class(audio), self.visual_class(visual)
        visual = self.visual_interaction(visual, audio)
        audio = self.audio_interaction(audio, visual)
        audio, visual = self.plug(audio, visual)
        fused = (audio + visual) / 2
        if self.fully:
            av_score = (strongest_mean(audio_class) + strongest_mean(visual_class)) / 2
            relevance, category = self.head(fused)
            return Output(event_relevance=relevance, event_category=category + self.gamma * av_score,
                          attention=attention, extras={"gate": gate, "av_score": av_score})
        class_gate = self.gamma * (audio_class.sigmoid() + visual_class.sigmoid())
        raw_logits = strongest_mean(class_gate * self.head(fused.mT).mT)           # (B,29)
        return Output(event_relevance=gate.logit() if self.mended else gate,
                      video_probability=gated_probability(gate, raw_logits), attention=attention,
                      extras={"gate": gate, "raw_logits": raw_logits})
