"""DCA: the eigenvalue loss, by hand and in loops, and the network in front of it."""
import numpy as np
import pytest
import torch
import torch.nn.functional as F

from tests import loops
from tests.golden import golden
from tests.golden.compare import path_of, tensors
from vscg.models import build_model
from vscg.models.cman import CMAN
from vscg.models.dca import DCA
from vscg.released.load import load_released
from vscg.training.objectives import build_objective, discriminative_eigenvalues, eigenvalue_loss


def one_hot(classes, clips=None):
    """Labels (B,T,29) of the given classes, one clip or `clips` of equal length."""
    return F.one_hot(torch.tensor(classes), 29).double().unflatten(0, (clips or 1, -1))


def slow_loss(rows, classes, ridge=1e-3, margin=1.0):
    """Deep LDA's objective, class by class, from eigenvalues that NumPy finds for a matrix that is not symmetric."""
    within = [np.cov(rows[classes == c].T) for c in sorted(set(classes)) if sum(classes == c) > 1]
    within = sum(within) / len(within)
    between = np.cov(rows.T) - within
    values = np.linalg.eigvals(np.linalg.inv(within + ridge * np.eye(len(within))) @ between)
    assert abs(values.imag).max() < 1e-9
    largest = sorted(values.real)[-(len(set(classes)) - 1):]
    kept = [v for v in largest if v <= largest[0] + margin]
    return -sum(kept) / len(kept)


def clusters(counts, dim=6, spread=3.0):
    """Rows around one point for each class, and their classes."""
    classes = np.repeat(np.arange(len(counts)), counts)
    rng = np.random.default_rng(1)
    return torch.from_numpy(spread * rng.standard_normal((len(counts), dim))[classes]
                            + rng.standard_normal((len(classes), dim))), classes


class TestLoss:
    def test_known_value_and_gradient(self):
        """The example of a published program of Deep LDA."""
        rows = torch.tensor([[1, -2], [-3, 2], [1, 1.4], [-3.5, 1]], dtype=torch.float64, requires_grad=True)
        loss = eigenvalue_loss(rows.unsqueeze(0), one_hot([0, 0, 1, 1]), min_rows=0)
        loss.backward()
        assert round(loss.item(), 4) == 0.1782
        assert rows.grad.numpy().round(4).tolist() == [[0.0198, 0.0608], [0.0704, 0.2164], [-0.0276, -0.0848],
                                                       [-0.0626, -0.1924]]

    def test_two_classes_on_a_line_by_hand(self):
        """0, 2 and 10, 12: S_w = 2, all four about 6 have 104/3, so v = (104/3 - 2) / (2 + 1)."""
        rows = torch.tensor([[[0.0], [2], [10], [12]]], dtype=torch.float64)
        loss = eigenvalue_loss(rows, one_hot([4, 4, 28, 28]), ridge=1.0, min_rows=0)
        assert loss.item() == pytest.approx(-(104 / 3 - 2) / 3)

    @pytest.mark.parametrize("counts", [(5, 5, 5), (9, 1, 4), (2, 30, 3, 7, 4), (1, 1, 12)])
    @pytest.mark.parametrize("margin", [0.01, 1.0, 1e6])
    def test_agrees_with_loops(self, counts, margin):
        """Classes may be few or absent, or have one row."""
        rows, classes = clusters(counts)
        found = eigenvalue_loss(rows.unsqueeze(0), one_hot(classes), margin=margin, min_rows=0)
        assert found.item() == pytest.approx(slow_loss(rows.numpy(), classes, margin=margin), rel=1e-9)

    def test_more_classes_than_dimensions_keep_every_eigenvalue(self):
        rows, classes = clusters((4, 4, 4, 4, 4), dim=2)
        assert eigenvalue_loss(rows.unsqueeze(0), one_hot(classes), margin=1e6, min_rows=0).item() == pytest.approx(
            slow_loss(rows.numpy(), classes, margin=1e6))

    @pytest.mark.parametrize("classes", [[3] * 640, [3] * 639 + [28]])
    def test_one_class_says_nothing_and_one_row_of_another_is_enough(self, classes):
        rows = torch.rand(64, 10, 64, requires_grad=True)
        loss = eigenvalue_loss(rows, one_hot(classes, 64).float())
        loss.backward()
        assert loss.dtype == torch.float32 and loss.isfinite() and rows.grad.isfinite().all()
        assert bool(loss == 0) == (len(set(classes)) == 1) == (not rows.grad.any())

    def test_fewer_than_640_segments_have_no_loss(self):
        labels = torch.eye(29)[torch.arange(640) % 29].unflatten(0, (64, 10))
        rows = torch.rand(64, 10, 64)
        assert eigenvalue_loss(rows, labels) != 0 and eigenvalue_loss(rows[:63], labels[:63]) == 0

    def test_eigenvalues_of_the_prototype(self):
        """Not their mean alone: all of the C' - 1 largest, and which of them count."""
        meta, _ = golden.load(path_of("dca_fully"))
        model = load_released(build_model("dca"), golden.weights(meta)).eval()
        audio, visual, labels = tensors(meta)
        with torch.no_grad():
            rows = model(audio, visual).extras["representation"]
        values = discriminative_eigenvalues(rows.flatten(0, 1).double(), labels.flatten(0, 1).double(), 1e-3)
        largest, kept = meta["eigenvalues"], meta["eigenvalues_kept"]
        np.testing.assert_allclose(values[-len(largest):], largest, atol=1e-5)
        assert len(largest) == (labels.sum((0, 1)) > 0).sum() - 1
        assert largest[kept - 1] <= largest[0] + 1 < largest[kept]


def test_the_network_is_cmans_up_to_its_classifier(clips):
    model, inputs = DCA("fully").double(), clips
    output, w = model(*inputs), loops.weights(model)
    trunk = CMAN("fully").double()
    trunk.load_state_dict({name: value for name, value in model.state_dict().items()
                           if not name.startswith(("reduce", "classifier"))}, strict=False)
    fused, attention, betas = trunk.represent(*inputs)
    assert torch.equal(output.attention, attention)
    assert all(torch.equal(output.extras[name], values) for name, values in betas.items())
    for b in range(2):
        reduced = loops.relu(loops.linear(fused[b].detach().numpy(), loops.part(w, "reduce")))
        np.testing.assert_allclose(output.extras["representation"][b].detach(), reduced, atol=1e-12)
        np.testing.assert_allclose(output.segment_logits[b].detach(),
                                   loops.linear(reduced, loops.part(w, "classifier")), atol=1e-12)


def test_the_loss_adds_a_hundredth_of_the_eigenvalues_and_reaches_every_parameter():
    model = build_model("dca")
    labels = torch.eye(29)[torch.arange(640) % 29].unflatten(0, (64, 10))
    audio, visual = torch.rand(64, 10, 128), torch.rand(64, 10, 7, 7, 512)
    total, parts = build_objective("dca")(model(audio, visual), labels)
    assert list(parts) == ["ce", "eigenvalue"] and parts["eigenvalue"] != 0
    assert total.item() == pytest.approx(parts["ce"].item() + 0.01 * parts["eigenvalue"].item())
    parts["eigenvalue"].backward()
    silent = {name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()}
    assert silent == {"classifier.weight", "classifier.bias"}, "the eigenvalues train the network, not the classifier"
