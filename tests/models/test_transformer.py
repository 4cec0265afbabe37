"""The layers that CMRA, CMBS and DMIN share."""
import math

import numpy as np
import pytest
import torch
from torch import nn

from tests import loops
from tests.models.whole import build
from vscg.models.transformer import (
    CrossModalTransformer,
    Encoder,
    Interaction,
    MultiHeadAttention,
    TransformerLayer,
    gated_probability,
)


def shaken(module):
    """The module in float64 with every parameter moved, so that zeros and ones of the initial weights hide nothing."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    return module.double()


def sequences(*shapes):
    return [torch.randn(shape, dtype=torch.float64) for shape in shapes]


def slow_attention(query, memory, w, heads):
    """One clip: queries (L_q,d) and memory (L_k,d) to (L_q,d), head by head and step by step."""
    dim, size = query.shape[1], query.shape[1] // heads
    q, k, v = (x @ w["in_proj_weight"][i * dim:(i + 1) * dim].T + w["in_proj_bias"][i * dim:(i + 1) * dim]
               for i, x in enumerate((query, memory, memory)))
    read = np.zeros_like(query)
    for head in range(heads):
        own = slice(head * size, (head + 1) * size)
        for i in range(len(query)):
            weights = loops.softmax(np.array([q[i, own] @ key / math.sqrt(size) for key in k[:, own]]))
            read[i, own] = sum(weight * value for weight, value in zip(weights, v[:, own], strict=True))
    return loops.linear(read, loops.part(w, "out_proj"))


def slow_norm(x, w):
    return np.stack([(row - row.mean()) / np.sqrt(row.var() + 1e-5) * w["weight"] + w["bias"] for row in x])


def slow_layer(query, memory, w, heads=4):
    x = slow_norm(query + slow_attention(query, memory, loops.part(w, "attention"), heads), loops.part(w, "norm1"))
    mapped = loops.linear(loops.relu(loops.linear(x, loops.part(w, "linear1"))), loops.part(w, "linear2"))
    return slow_norm(x + mapped, loops.part(w, "norm2"))


class TestMultiHeadAttention:
    @pytest.mark.parametrize("heads", [1, 2, 4])
    def test_agrees_with_loops(self, heads):
        module, (query, memory) = shaken(MultiHeadAttention(8, heads=heads, dropout=0)), sequences((2, 3, 8), (2, 5, 8))
        for b, read in enumerate(module(query, memory).detach()):
            slow = slow_attention(query[b].numpy(), memory[b].numpy(), loops.weights(module), heads)
            np.testing.assert_allclose(read, slow, atol=1e-12)

    def test_initial_weights(self):
        """The first matrix is drawn as one of (3d,d), as nn.MultiheadAttention draws it."""
        module = MultiHeadAttention(dropout=0.1)
        bound = math.sqrt(6 / (4 * 256))
        assert 0.99 * bound < module.in_proj_weight.abs().max() <= bound
        assert 0.99 / 16 < module.out_proj.weight.abs().max() <= 1 / 16
        assert not module.in_proj_bias.any() and not module.out_proj.bias.any()

    def test_dropout_falls_on_the_weights(self):
        """All weights dropped: nothing is read, and the bias of the last map is left."""
        module, (query, memory) = shaken(MultiHeadAttention(8, dropout=1)), sequences((2, 3, 8), (2, 5, 8))
        torch.testing.assert_close(module.train()(query, memory), module.out_proj.bias.expand(2, 3, 8))
        assert (module.eval()(query, memory) != module.out_proj.bias).all()


class TestLayer:
    def test_agrees_with_loops(self):
        module, (query, memory) = shaken(TransformerLayer(8, hidden=6, dropout=0)), sequences((2, 3, 8), (2, 5, 8))
        for b, after in enumerate(module(query, memory).detach()):
            slow = slow_layer(query[b].numpy(), memory[b].numpy(), loops.weights(module))
            np.testing.assert_allclose(after, slow, atol=1e-12)

    def test_dropout_everywhere(self):
        """With all dropped, the query alone is normalised twice; without, it is not."""
        module, (query, memory) = shaken(TransformerLayer(8, hidden=6, dropout=1)), sequences((2, 3, 8), (2, 5, 8))
        alone = module.norm2(module.norm1(query))
        torch.testing.assert_close(module(query, memory), alone)
        assert not torch.allclose(module.eval()(query, memory), alone, atol=1e-2)


class TestStacks:
    def test_encoder_is_two_layers_that_start_alike(self):
        module = Encoder(5, 8, hidden=6, dropout=0)
        first, second = module.layers
        for (name, one), (_, other) in zip(first.named_parameters(), second.named_parameters(), strict=True):
            assert torch.equal(one, other) and one.data_ptr() != other.data_ptr(), name
        module, (x,) = shaken(module), sequences((2, 3, 5))
        mapped = module.affine(x)
        once = first(mapped, mapped)
        torch.testing.assert_close(module(x), second(once, once))
        first, second = build("cmra", twins=False).transformer.audio_encoder.layers
        assert not any(torch.equal(one, other) for one, other in zip(first.parameters(), second.parameters(),
                                                                     strict=True) if one.ndim > 1)

    def test_each_modality_reads_the_encoding_of_the_other(self):
        module = shaken(CrossModalTransformer(3, encoder_hidden=6, decoder_hidden=7, dropout=0.1,
                                              decoder_dropout=0.2)).eval()
        audio, visual = sequences((2, 4, 3), (2, 4, 512))
        encoded, decoded = module(audio, visual)
        assert torch.equal(encoded[0], module.audio_encoder(audio))
        assert torch.equal(encoded[1], module.visual_encoder(visual))
        assert torch.equal(decoded[0], module.audio_decoder(audio, encoded[1]))
        assert torch.equal(decoded[1], module.visual_decoder(visual, encoded[0]))
        hidden = {name: layer.out_features for name, layer in module.named_modules() if name.endswith("linear1")}
        assert {(name.split(".")[0], units) for name, units in hidden.items()} == {
            ("audio_encoder", 6), ("visual_encoder", 6), ("audio_decoder", 7), ("visual_decoder", 7)}
        rates = {(name.split(".")[0], layer.p) for name, layer in module.named_modules()
                 if isinstance(layer, nn.Dropout)}
        assert rates == {("audio_encoder", 0.1), ("visual_encoder", 0.1), ("audio_decoder", 0.2),
                         ("visual_decoder", 0.2)}


class TestInteraction:
    def block(self, **options):
        options = {"heads": 2, "dropout": 0, "attention_dropout": 0} | options
        return shaken(Interaction(8, **options))

    def test_agrees_with_loops(self):
        module, (first, second) = self.block(), sequences((2, 3, 8), (2, 3, 8))
        w = loops.weights(module)
        for b, fused in enumerate(module(first, second).detach()):
            x, y = first[b].numpy(), second[b].numpy()
            read = slow_attention(x * y, np.concatenate([y, x]), loops.part(w, "attention"), 2)
            np.testing.assert_allclose(fused, slow_norm(x * y + read, loops.part(w, "norm")), atol=1e-12)

    def test_dropouts(self):
        module, (first, second) = self.block(dropout=1), sequences((2, 3, 8), (2, 3, 8))
        torch.testing.assert_close(module(first, second), module.norm(first * second))
        assert self.block(attention_dropout=0.3).attention.dropout.p == 0.3


def test_gated_probability_by_hand():
    """Logits (1, -1), gates 0.2 and 0.8: the positive one keeps 0.8 of itself, the negative one 0.2."""
    found = gated_probability(torch.tensor([[0.2, 0.8]]), torch.tensor([[1.0, -1.0]]))
    torch.testing.assert_close(found, torch.tensor([[0.8, -0.2]]).softmax(-1))


def test_gated_probability_sums_to_one_and_has_gradients():
    gate, logits = torch.rand(4, 10, requires_grad=True), torch.randn(4, 29, requires_grad=True)
    probability = gated_probability(gate, logits)
    assert probability.shape == (4, 29)
    torch.testing.assert_close(probability.sum(-1), torch.ones(4))
    probability[:, 3].sum().backward()
    # Only the widest and the narrowest gate of a clip carry a class, so only they learn.
    assert logits.grad.all() and (gate.grad != 0).sum(1).tolist() == [2] * 4


def test_dropout_stands_behind_the_relu_of_a_layer():
    module, found = TransformerLayer(8, hidden=6, dropout=1), []
    module.linear2.register_forward_pre_hook(lambda layer, inputs: found.append(inputs[0]))
    module(torch.randn(2, 3, 8), torch.randn(2, 5, 8))
    assert len(found) == 1 and not found[0].any()
