"""The overview figure: its files, its shapes, which are those that the network has, and its labels' size on a phone."""
import re
import xml.etree.ElementTree as ElementTree

import torch

from tests.book.test_build import ROOT, load
from vscg.models import build_model

overview = load(ROOT / "book" / "overview.py")


def test_the_files_are_what_the_script_draws_and_each_marks_what_its_chapter_is_about():
    for path, text in overview.pictures().items():
        assert path.read_text(encoding="utf-8") == text, "draw it again: python book/overview.py"
        ElementTree.fromstring(text)
    marked = {name: [box for box, (chapters, *_) in overview.BOXES.items() if name in chapters]
              for name in overview.CHAPTERS}
    assert all(overview.drawing(name).count(' here"') == len(boxes) > 0 for name, boxes in marked.items())
    assert marked["05"] == ["cere"] and ' here"' not in overview.drawing()
    for name in overview.CHAPTERS:
        source, = (ROOT / "notebooks").glob(f"{name}_*.py")
        assert f"](../book/_static/overview-{name}.svg)" in source.read_text(encoding="utf-8")


def test_its_shapes_are_those_of_the_network():
    model, seen = build_model("vscg", setting="fully").eval(), {}

    def keep(name):
        def hook(module, inputs, output):
            values = [*inputs, *(output if isinstance(output, tuple) else [output])]
            seen[name] = [f"({','.join(map(str, value.shape[1:]))})" for value in values
                          if isinstance(value, torch.Tensor)]
        return hook

    for name, module in model.named_modules():
        module.register_forward_hook(keep(name))
    model(torch.zeros(1, 10, 128), torch.zeros(1, 10, 7, 7, 512))
    shapes = [shape for _, text, _ in overview.ARROWS for shape in re.findall(r"\([\d,]+\)", text)]
    assert shapes.count("(10,256)") == 7
    assert set(shapes) == {*seen["encoder.attention"][:3], *seen["encoder.audio_lstm"], seen["escm.cere"][-1]}
    assert seen["psp"] == ["(10,256)"] * 4 and seen["head.relevance"] == ["(10,256)", "(10,1)"]
    assert seen["head.category"][-1] == "(28)"


PHONE = 340       # px that a picture has on a phone 390 px wide


def test_its_labels_can_be_read_on_a_phone_and_lie_inside_the_picture():
    smallest = min(float(size) for size in re.findall(r"([\d.]+)px", overview.STYLE))
    assert smallest * PHONE / overview.SIZE[0] > 9.5
    for left, top, width, height in (box[2:6] for box in overview.BOXES.values()):
        assert 0 < left and left + width < overview.SIZE[0] and 0 < top and top + height < overview.SIZE[1]
