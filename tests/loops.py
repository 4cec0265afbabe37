"""Slow versions of the models' parts and of whole systems, in NumPy and plain loops, written from the equations.

Everything is float64. Weights come as a mapping from a parameter's name to its array; `part` picks a submodule's.
"""
import numpy as np


def weights(module):
    """Name -> float64 array of a module's parameters."""
    return {name: value.detach().double().numpy() for name, value in module.state_dict().items()}


def part(w, prefix):
    """The entries below `prefix`, names shortened."""
    return {name[len(prefix) + 1:]: value for name, value in w.items() if name.startswith(prefix + ".")}


def relu(x):
    return np.where(x > 0, x, 0.0)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softmax(x):
    e = np.exp(x - max(x))
    return e / sum(e)


def linear(x, w):
    """One map on each vector of a sequence (T,I) or on one vector (I,)."""
    if x.ndim == 1:
        return w["weight"] @ x + w.get("bias", 0.0)
    return np.stack([linear(vector, w) for vector in x])


def attention(audio, regions, w):
    """AGVA on one segment: audio (D_a,), regions (R,D_v) to the attended vector (D_v,) and alpha (R,)."""
    g = w["audio_score.weight"] @ relu(linear(audio, part(w, "audio_map")))
    count, z = len(regions), []
    for i in range(count):
        v = relu(linear(regions[i], part(w, "visual_map")))
        z.append(0.0)
        for j in range(count):
            z[i] += w["region_score.weight"][0, j] * np.tanh(w["visual_score.weight"][j] @ v + g[i])
    alpha = softmax(np.array(z))
    attended = np.zeros(regions.shape[1])
    for i in range(count):
        attended += alpha[i] * regions[i]
    return attended, alpha


def directions(sequence, w, step, start=None):
    """Run `step` over (T,I) forwards and, where there are weights for it, backwards.

    Returns the hidden states of each position, joined (T,n*size), and the last hidden and cell states, (n,size) each.
    """
    size, found, last = w["weight_hh_l0"].shape[1], [], ([], [])
    for d, suffix in enumerate(suffix for suffix in ("_l0", "_l0_reverse") if f"weight_hh{suffix}" in w):
        own = [w[f"{kind}{suffix}"] for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
        h, cell = (np.zeros(size), np.zeros(size)) if start is None else (start[0][d], start[1][d])
        out = np.zeros((len(sequence), size))
        for t in range(len(sequence))[::-1 if d else 1]:
            out[t], cell = h, cell = step(sequence[t], h, cell, *own)
        found.append(out), last[0].append(h), last[1].append(cell)
    return np.concatenate(found, 1), last


def lstm_step(x, h, cell, w_x, w_h, b_x, b_h):
    """The gates stand in the order input, forget, candidate, output."""
    i, f, g, o = np.split(w_x @ x + b_x + w_h @ h + b_h, 4)
    cell = sigmoid(f) * cell + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(cell), cell


def lstm(sequence, w):
    """LSTM of one or two directions from zero."""
    return directions(sequence, w, lstm_step)[0]


def gru(sequence, start, w):
    """Bidirectional GRU (Eq. 4 to 7) from `start` (2,size): row 0 for the forward direction, row 1 for the backward.

    The framework's form: the reset gate acts on the mapped state, W h, where Eq. 6 has W (r h).
    """
    def step(x, h, cell, w_x, w_h, b_x, b_h):
        r_x, z_x, n_x = np.split(w_x @ x + b_x, 3)
        r_h, z_h, n_h = np.split(w_h @ h + b_h, 3)
        z, candidate = sigmoid(z_x + z_h), np.tanh(n_x + sigmoid(r_x + r_h) * n_h)
        return z * h + (1 - z) * candidate, cell

    return directions(sequence, w, step, (start, start))[0]


def equation_gru(sequence, start, w):
    """Bidirectional GRU of Eq. 4 to 8 from `start` (2,size), without biases: y (T,2*size) and the last states."""
    ys, last = [], []
    for d, h in enumerate(start):
        w_z, w_r = np.split(w[f"gates.{d}.weight"], 2)
        y = [None] * len(sequence)
        for t in range(len(sequence))[::-1 if d else 1]:
            both = np.concatenate([h, sequence[t]])
            z, r = sigmoid(w_z @ both), sigmoid(w_r @ both)
            candidate = np.tanh(w[f"candidate.{d}.weight"] @ np.concatenate([r * h, sequence[t]]))
            h = z * h + (1 - z) * candidate
            y[t] = sigmoid(w[f"output.{d}.weight"] @ h)
        ys.append(y), last.append(h)
    return np.concatenate(ys, 1), np.array(last)


def cut(beta, threshold, renormalise):
    """PSP: each row divided by its sum plus 1e-8, entries that do not exceed the threshold zeroed."""
    gamma = np.zeros_like(beta)
    for i, row in enumerate(beta):
        for j, value in enumerate(row):
            share = value / (sum(row) + 1e-8)
            gamma[i, j] = share if share > threshold else 0.0
        if renormalise:
            gamma[i] = gamma[i] / (sum(gamma[i]) + 1e-8)
    return gamma


def propagate(audio, visual, w, threshold, renormalise):
    """PSP without what follows it, on one clip: X_a, X_v (T,D) to a', v' (T,D)."""
    def branch(x, name):
        return relu(linear(x, part(w, f"{name}.0")))

    segments, dim = audio.shape
    v2, a1 = branch(visual, "visual_compare"), branch(audio, "audio_compare")
    beta = np.array([[relu(v2[i] @ a1[j] / np.sqrt(dim)) for j in range(segments)] for i in range(segments)])
    from_audio, from_visual = cut(beta, threshold, renormalise), cut(beta.T, threshold, renormalise)
    sent_a, sent_v = branch(audio, "audio_send"), branch(visual, "visual_send")
    new_a, new_v = audio.copy(), visual.copy()
    for i in range(segments):
        for j in range(segments):
            new_v[i] += from_audio[i, j] * sent_a[j]
            new_a[i] += from_visual[i, j] * sent_v[j]
    return new_a, new_v


def layer_norm(x, w):
    mean = sum(x) / len(x)
    variance = sum((x - mean) ** 2) / len(x)
    return (x - mean) / np.sqrt(variance + 1e-6) * w["weight"] + w["bias"]


def project(audio, visual, w):
    """Project and norm on one clip; without the maps only the norm. Both modalities use the one `norm`."""
    result = []
    for name, x in (("audio_map.0", audio), ("visual_map.0", visual)):
        mapped = relu(linear(x, part(w, name))) if part(w, name) else x
        result.append(np.stack([layer_norm(vector, part(w, "norm")) for vector in mapped]))
    return result


def convolve_and_pool(x, w):
    """One CNN block (Eq. 3) on (C,T): convolution that keeps T, ReLU, the larger of each two neighbours in time."""
    kernel, bias = w["0.weight"], w["0.bias"]
    half, length = kernel.shape[2] // 2, x.shape[1]
    out = np.zeros((len(kernel), length))
    for t in range(length):
        for k in range(kernel.shape[2]):
            if 0 <= t + k - half < length:
                out[:, t] += kernel[:, :, k] @ x[:, t + k - half]
        out[:, t] = relu(out[:, t] + bias)
    return np.stack([np.maximum(out[:, 2 * t], out[:, 2 * t + 1]) for t in range(length // 2)], axis=1)


def events(sequence, w):
    """CERE on one clip: (T,D) to (2,d_e), one row for each remaining position in time."""
    return convolve_and_pool(convolve_and_pool(sequence.T, part(w, "block1")), part(w, "block2")).T


def escm(audio, visual, w):
    """ESCM on one clip: the projected and the raw ISCE outputs; crossed initial states where the weights have maps."""
    event_a, event_v = events(audio, part(w, "cere")), events(visual, part(w, "cere"))
    if "audio_prior_map.weight" in w:
        start_a = linear(event_v, part(w, "audio_prior_map"))
        start_v = linear(event_a, part(w, "visual_prior_map"))
    else:
        start_a = start_v = (event_a + event_v) / 2
    isce = gru(audio, start_a, part(w, "isce.audio_gru")), gru(visual, start_v, part(w, "isce.visual_gru"))
    return project(*isce, part(w, "project")), isce


def attend(audio, visual, w):
    """AGVA on one clip: audio (T,D_a), maps (T,H,W,D_v) to (T,D_v)."""
    return np.stack([attention(a, v.reshape(-1, v.shape[-1]), w)[0] for a, v in zip(audio, visual, strict=True)])


def encode(audio, visual, w):
    """Projections, AGVA and Bi-LSTMs on one clip: X_a, X_v (T,256)."""
    if "audio_projection.0.weight" in w:
        audio = linear(linear(audio, part(w, "audio_projection.0")), part(w, "audio_projection.1"))
    attended = attend(audio, visual, part(w, "attention"))
    if "visual_projection.0.weight" in w:
        attended = linear(linear(attended, part(w, "visual_projection.0")), part(w, "visual_projection.1"))
    else:
        attended = linear(attended, part(w, "visual_projection"))
    return lstm(audio, part(w, "audio_lstm.lstm")), lstm(attended, part(w, "visual_lstm.lstm"))


def two_layers(x, first, second):
    return linear(relu(linear(x, first)), second)


def weigh(fused, w):
    """The weakly supervised head on one clip: weighted scores (T,29) and the clip's distribution (29,)."""
    score = two_layers(fused, part(w, "segment.layers.0"), part(w, "segment.layers.2"))
    score = np.stack([row * sigmoid(relu(w["weight.weight"][0] @ row)) for row in score])
    return score, softmax(sum(score) / len(score))


def cosine(x, y):
    return np.array([a @ b / (np.sqrt(a @ a) * np.sqrt(b @ b)) for a, b in zip(x, y, strict=True)])
