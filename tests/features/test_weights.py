"""Weights: downloaded from a server on this machine, checked, and read into a network; test_download has the rest."""
import hashlib
import io

import pytest
import torch
from torch import nn

from vscg.errors import VscgError
from vscg.features import extract, weights
from vscg.features.weights import Weights, fetch, load


class Tiny(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Linear(200, 1000))


def saved(state, **options) -> bytes:
    stream = io.BytesIO()
    torch.save(state, stream, **options)
    return stream.getvalue()


@pytest.fixture
def tiny(server):
    """Weights on the server, under a name that ends in their sum's beginning."""
    content = saved(Tiny().state_dict())
    name = f"tiny-{hashlib.sha256(content).hexdigest()[:8]}.pth"
    server.files[name] = content
    return Weights(server.url + name)


def test_the_published_files():
    assert (weights.VGG19.name, weights.VGG19.sum) == ("vgg19-dcbb9e9d.pth", "dcbb9e9d")
    assert (weights.VGGISH.name, weights.VGGISH.sum) == ("vggish-10086976.pth", "10086976")
    assert weights.VGG19.url == "https://download.pytorch.org/models/vgg19-dcbb9e9d.pth"
    assert weights.VGGISH.url.startswith("https://github.com/harritaylor/torchvggish/releases/download/")


def test_fetched_once_into_the_data_folder(tmp_path, monkeypatch, server, tiny, capfd):
    monkeypatch.setenv("VSCG_HOME", str(tmp_path))
    path = fetch(tiny)
    assert path == tmp_path / "data" / "weights" / tiny.name and path.read_bytes() == server.files[tiny.name]
    assert f"{tiny.name}: 100%" in capfd.readouterr().err
    assert fetch(tiny) == path and len(server.requests) == 1
    assert sorted(file.name for file in path.parent.iterdir()) == [".lock", tiny.name]


def test_other_content_is_not_kept(tmp_path, server, tiny):
    server.files[tiny.name] = b"something else"
    with pytest.raises(VscgError, match=f"what {tiny.url} sent has not a SHA-256 that begins with {tiny.sum}"):
        fetch(tiny, tmp_path, progress=False)
    assert [file.name for file in tmp_path.iterdir()] == [".lock"]
    (tmp_path / tiny.name).write_bytes(b"put here by hand")
    with pytest.raises(VscgError, match=f"{tmp_path / tiny.name}: has not a SHA-256 that .* move it away.*{tiny.url}"):
        fetch(tiny, tmp_path, progress=False)
    assert (tmp_path / tiny.name).read_bytes() == b"put here by hand"


def test_without_network_the_message_says_what_to_put_where(tmp_path, monkeypatch):
    lost = Weights("http://127.0.0.1:9/models/vgg19-dcbb9e9d.pth")
    monkeypatch.setattr(weights, "VGG19", lost)
    with pytest.raises(VscgError, match=f"vgg19-dcbb9e9d.pth: the connection to {lost.url} failed .*"
                                        f"fetch {lost.url} by hand and put it into {tmp_path} as vgg19-dcbb9e9d.pth"):
        extract.load_networks(tmp_path, progress=False)


@pytest.mark.parametrize("options", [{}, {"_use_new_zipfile_serialization": False}])
def test_loaded_without_the_classifier(tmp_path, options):
    state = Tiny().state_dict()
    (tmp_path / "tiny.pth").write_bytes(saved(state | {"classifier.0.weight": torch.ones(3)}, **options))
    network = load(Tiny, tmp_path / "tiny.pth")
    assert not network.training and not any(values.requires_grad for values in network.parameters())
    for name, values in network.state_dict().items():
        torch.testing.assert_close(values, state[name], rtol=0, atol=0)


def test_weights_of_another_network(tmp_path):
    state, path = Tiny().state_dict(), tmp_path / "tiny.pth"
    for change, fault in (({"features.0.bias": torch.ones(9)}, r"'features.0.bias' is \(9,\) there and \(8,\)"),
                          ({"more": torch.ones(1)}, r"'more' is \(1,\) there and nothing in the network \(1 differ")):
        path.write_bytes(saved(state | change))
        with pytest.raises(VscgError, match=f"{path}: not the weights of Tiny: {fault}"):
            load(Tiny, path)
    path.write_bytes(saved({"features.0.bias": state["features.0.bias"]}))
    with pytest.raises(VscgError, match=r"'features.0.weight' is nothing there and \(8, 3, 3, 3\)"):
        load(Tiny, path)


def test_a_file_that_would_run_code_is_refused(tmp_path):
    class Evil:
        def __reduce__(self):
            return (exec, ("raise SystemExit",))

    (tmp_path / "evil.pth").write_bytes(saved({"features.0.bias": Evil()}))
    with pytest.raises(VscgError, match="evil.pth is refused"):
        load(Tiny, tmp_path / "evil.pth")
