"""Losses by hand, and which way they move; test_build_objective holds all of them against plain loops."""
import math

import pytest
import torch
import torch.nn.functional as F

from vscg.training import objectives as ob

log = math.log


def labels_of(*clips, segments=10):
    """One-hot labels (B,T,29); a clip is (class, start, end)."""
    labels = torch.zeros(len(clips), segments, 29)
    labels[..., 28] = 1
    for b, (category, start, end) in enumerate(clips):
        labels[b, start:end] = F.one_hot(torch.tensor(category), 29).float()
    return labels


LABELS = labels_of((3, 2, 7), (0, 0, 10), (27, 9, 10), (5, 4, 4))        # the last one has no event


def rand(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).requires_grad_()


def moves(loss, values):
    """The loss has a finite gradient, somewhere not 0."""
    grad, = torch.autograd.grad(loss(values), values)
    return grad.isfinite().all() and grad.any()


def slow_bce(p, y):
    """Mean of -y log p - (1 - y) log(1 - p) over two nested lists."""
    cells = [-(t * log(q) + (1 - t) * log(1 - q)) for row, tag in zip(p, y, strict=True)
             for q, t in zip(row, tag, strict=True)]
    return sum(cells) / len(cells)


def slow_cross_entropy(logits, target):
    return -log(math.exp(logits[target]) / sum(math.exp(x) for x in logits))


def test_indicator_and_class():
    assert ob.event_indicator(LABELS).tolist() == [[0, 0, 1, 1, 1, 1, 1, 0, 0, 0], [1] * 10, [0] * 9 + [1], [0] * 10]
    assert ob.event_class(LABELS).tolist() == [3, 0, 27, 0]


def test_weak_targets():
    presence, proportion = ob.weak_target(LABELS, "presence"), ob.weak_target(LABELS, "proportion")
    assert presence.argmax(-1).tolist() == [3, 0, 27, 28] and presence.sum(-1).tolist() == [1] * 4
    assert set(presence.flatten().tolist()) == {0, 1} and presence.dtype == LABELS.dtype
    expected = torch.zeros(4, 29)
    expected[0, [3, 28]] = 0.5
    expected[1, 0] = expected[3, 28] = 1
    expected[2, [27, 28]] = torch.tensor([0.1, 0.9])
    torch.testing.assert_close(proportion, expected)


def test_category():
    assert ob.category_loss(torch.zeros(4, 28), LABELS).item() == pytest.approx(log(28))
    o = rand(4, 28)
    each = [slow_cross_entropy(row, c) for row, c in zip(o.tolist(), (3, 0, 27, 0), strict=True)]
    assert ob.category_loss(o, LABELS.double()).item() == pytest.approx(sum(each[:3]) / 3)
    assert ob.category_loss(o, LABELS.double(), empty_as_first=True).item() == pytest.approx(sum(each) / 4)
    grad, = torch.autograd.grad(ob.category_loss(o, LABELS.double()), o)
    assert grad[:3].all() and not grad[3].any()
    first, = torch.autograd.grad(ob.category_loss(o, LABELS.double(), True), o)
    assert first.all() and first[3].argmin() == 0
    assert ob.category_loss(o, LABELS[3:].double().expand(4, -1, -1)).item() == 0


def test_segment_category_is_equation_17():
    """Y log O over segments and events: five event segments of ten weigh the clip's cross-entropy with 5/(10*28)."""
    assert ob.segment_category_loss(torch.zeros(1, 28), LABELS[:1]).item() == pytest.approx(5 * log(28) / (10 * 28))
    o = rand(4, 28)
    grad, = torch.autograd.grad(ob.segment_category_loss(o, LABELS.double()), o)
    assert grad[:3].all() and not grad[3].any(), "a clip without event adds nothing"


@pytest.mark.parametrize("variant, expected", [("released", [0.25, 0.75, 0, 0]), ("paper", [1 / 6, 0.5, 0, -1 / 3])])
def test_similarity(variant, expected):
    found = ob.normalised_similarity(torch.tensor([[1.0, 3, 0, -2], [0, 0, 0, 0]]), variant)
    torch.testing.assert_close(found, torch.tensor([expected, [0.0] * 4]))
    target = ob.similarity_target(LABELS.double())
    assert target[0].tolist() == [0, 0, 0.2, 0.2, 0.2, 0.2, 0.2, 0, 0, 0] and target[1].tolist() == [0.1] * 10
    assert not target[3].any() and moves(lambda s: ob.similarity_loss(s, target, variant), rand(4, 10))
    assert ob.similarity_loss(5 * target, target, variant).item() == pytest.approx(0, abs=1e-12)


def test_smooth_loss_and_its_bounds():
    assert moves(lambda z: ob.smooth_loss(z.softmax(-1), ob.weak_target(LABELS.double(), "proportion")), rand(4, 29))
    # All the mass on one class: the second softmax leaves e/(e+28) = 0.0885 of it and 1/(e+28) = 0.0326 elsewhere.
    sharp = F.one_hot(torch.arange(29), 29).double()
    flat = sharp.softmax(-1)
    assert flat.min().item() == pytest.approx(1 / (math.e + 28)) == pytest.approx(0.033, abs=5e-4)
    assert flat.max().item() == pytest.approx(math.e / (math.e + 28)) and 0.088 < flat.max() < 0.089
    best = ob.smooth_loss(sharp, sharp).item()
    by_hand = (-log(math.e / (math.e + 28)) - 28 * log(1 - 1 / (math.e + 28))) / 29
    assert best == pytest.approx(by_hand) and round(best, 2) == 0.12
    for seed in range(20):      # nothing goes below, whatever the sharpness and the target
        p, y = ((rand(8, 29, seed=seed + k) * 10 ** (seed % 4)).softmax(-1) for k in (0, 100))
        assert ob.smooth_loss(p, y) >= best - 1e-12 and ob.smooth_loss(p, sharp[:8]) >= best - 1e-12


def test_multi_label_soft_margin():
    right, z = LABELS.double(), rand(4, 10, 29)
    assert moves(lambda z: ob.multi_label_soft_margin(z.softmax(-1), right), z)
    best, found, worst = (ob.multi_label_soft_margin(values, right).item()
                          for values in (right, z.softmax(-1), right.roll(1, -1)))
    assert best == pytest.approx((28 * log(2) + log(1 + math.exp(-1))) / 29)
    assert worst == pytest.approx((28 * log(2) + log(1 + math.e)) / 29)
    assert 0.68 <= best < found < worst <= 0.715


def slow_stale_targets(batches):
    """The released loader's buffer: event segments are written, nothing is ever cleared."""
    buffer, targets = [[0.0] * 10 for _ in range(4)], []
    for labels in batches:
        for i, clip in enumerate(labels):
            events = [t for t in range(10) if clip[t, 28] == 0]
            for t in events:
                buffer[i][t] = 1 / len(events)
        targets.append(torch.tensor(buffer[:len(labels)]))
    return targets


def test_stale_targets_are_replayed():
    batches = [LABELS, labels_of((1, 0, 4), (1, 3, 5)), LABELS.flip(0)]
    stale, fresh = ob.SimilarityTerm("released", stale=True), ob.SimilarityTerm("released", stale=False)
    for number, (labels, target) in enumerate(zip(batches, slow_stale_targets(batches), strict=True)):
        similarity = rand(len(labels), 10, seed=number).float()
        torch.testing.assert_close(stale(similarity, labels), ob.similarity_loss(similarity, target))
        torch.testing.assert_close(fresh(similarity, labels),
                                   ob.similarity_loss(similarity, ob.similarity_target(labels)))
        torch.testing.assert_close(stale.left_over[:len(labels)], target)
        assert torch.equal(stale(similarity, labels), fresh(similarity, labels)) == (number == 0)
    assert stale.left_over.sum(-1).max() > 1 and not stale.left_over.requires_grad
    assert not len(fresh.left_over)


def test_stale_target_grows_with_the_batch():
    term = ob.SimilarityTerm("released", stale=True)
    for size in (1, 3, 2):
        term(torch.ones(size, 10), LABELS[:size])
        assert len(term.left_over) == max(size, 3 if size == 2 else 0)
