"""DCA, discriminative cross-modality attention (IEEE TIP 2021), known from its abstract: CMAN with another loss."""
from torch import Tensor, nn

from vscg.data.labels import AVE, Dims
from vscg.models.cman import CMAN
from vscg.models.output import Output


class DCA(CMAN):
    """CMAN's network, then 64 numbers for each segment, in which the loss wants the classes to lie apart.

    New in DCA is that loss, `objectives.eigenvalue_loss`: its abstract says that it rests on eigenvalues. Fully
    supervised only, as the paper has a dash for the other setting.
    """

    def __init__(self, setting: str, *, dropout: float = 0.0, dims: Dims = AVE):
        super().__init__(setting, dropout=dropout, dims=dims)
        self.reduce, self.classifier = nn.Linear(512, 64), nn.Linear(64, dims.classes)

    def forward(self, audio: Tensor, visual: Tensor) -> Output:
        """Audio (B,10,128) and visual maps (B,10,7,7,512) to `Output`; extras hold CMAN's and `representation`.

        r_t = ReLU(W f_t), (B,10,64), of CMAN's f_t = [h^v_t + c^v_t ; h^a_t + c^a_t]; the logits are linear in r_t.
        """
        fused, attention, betas = self.represent(audio, visual)                    # f (B,T,512)
        representation = self.reduce(fused).relu()                                 # r (B,T,64)
        return Output(segment_logits=self.classifier(representation), attention=attention,
                      extras={**betas, "representation": representation})
