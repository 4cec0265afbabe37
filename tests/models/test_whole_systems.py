"""Whole systems against slow versions that are put together, in plain loops, as the paper's Fig. 3 reads."""
import numpy as np
import pytest

from tests import loops
from tests.models.whole import agrees, build

THRESHOLDS = {("vscg", "fully"): 0.099, ("vscg", "weakly"): 0.099, ("psp", "fully"): 0.099, ("psp", "weakly"): 0.095}


def slow_psp(audio, visual, w, setting, threshold):
    new = loops.propagate(audio, visual, loops.part(w, "psp"), threshold, renormalise=setting == "fully")
    return loops.project(*new, loops.part(w, "psp.project"))


def slow_weakly(fused, w):
    score, probability = loops.weigh(fused, loops.part(w, "head"))
    return dict(segment_logits=score, video_probability=probability, smooth_probability=loops.softmax(probability))


def slow_vscg(audio, visual, w, setting, variant):
    """One clip through VSCG."""
    audio, visual = loops.encode(audio, visual, loops.part(w, "encoder"))
    audio, visual = slow_psp(audio, visual, w, setting, THRESHOLDS["vscg", setting])
    (audio, visual), (raw_audio, raw_visual) = loops.escm(audio, visual, loops.part(w, "escm"))
    fused = (audio + visual) / 2
    if setting == "weakly":
        return slow_weakly(fused, w)
    similarity = (loops.cosine(audio, visual) if variant == "released"
                  else np.array([a @ v for a, v in zip(raw_audio, raw_visual, strict=True)]))       # Eq. 16
    relevance = loops.linear(fused, loops.part(w, "head.relevance"))[:, 0]                          # Eq. 14
    category = loops.linear(fused.max(0), loops.part(w, "head.category"))                           # Eq. 15
    return dict(event_relevance=relevance, event_category=category, similarity=similarity)


def slow_pspnet(audio, visual, w, setting):
    """One clip through PSP-Net."""
    audio, visual = loops.encode(audio, visual, loops.part(w, "encoder"))
    audio, visual = slow_psp(audio, visual, w, setting, THRESHOLDS["psp", setting])
    fused = (audio + visual) / 2
    if setting == "weakly":
        return slow_weakly(fused, w)
    logits = loops.two_layers(fused, loops.part(w, "head.layers.0"), loops.part(w, "head.layers.2"))
    return dict(segment_logits=logits, similarity=loops.cosine(audio, visual))


def slow_avel(audio, visual, w, setting):
    """One clip through AVEL."""
    attended = loops.attend(audio, visual, loops.part(w, "attention"))
    streams = [loops.lstm(audio, loops.part(w, "audio_lstm.lstm")),
               loops.lstm(attended, loops.part(w, "visual_lstm.lstm"))]
    both = loops.relu(np.concatenate(streams, axis=1))
    logits = loops.two_layers(both, loops.part(w, "hidden"), loops.part(w, "classifier"))
    if setting == "fully":
        return dict(segment_logits=logits)
    return dict(segment_logits=logits, video_probability=loops.softmax(logits.max(0)))


@pytest.mark.parametrize("setting", ["fully", "weakly"])
@pytest.mark.parametrize("system, slow, case", [("vscg", slow_vscg, dict(variant="released")),
                                                ("vscg", slow_vscg, dict(variant="paper")), ("psp", slow_pspnet, {}),
                                                ("avel", slow_avel, {})])
def test_agrees_with_loops(system, slow, case, setting, clips):
    model = build(system, setting, **case).double().eval()
    agrees(model, [x[:1] for x in clips], slow, setting=setting, **case)
