"""The convolutions of orthogonium and deel-torchlip, beside ours."""

import measure
from layer_models import batch
from layer_models import model_of
from layer_models import training_step

PEERS = {
    "AOL": "orthogonium.layers.conv.AOL.aol.AOLConv2D",
    "AdaptiveOrthogonal": "orthogonium.layers.AdaptiveOrthoConv2d",
    "SOC": "orthogonium.layers.conv.adaptiveSOC.fast_skew_ortho_conv.FastSOC",
    "SLL": "orthogonium.layers.conv.SLL.sll_layer.SDPBasedLipschitzResBlock",
    # Reshaped kernel and Bjorck: the convolution that deel-torchlip has.
    "RKO": "deel.torchlip.SpectralConv2d",
}
# Theirs has three terms, as a kernel of 7 x 7.
AS_THEIRS = {"SOC": {"terms": 3}}


def print_peers(arguments):
    """The same layers of other libraries, and ours, step by step."""
    import torch

    torch.set_num_threads(arguments.threads)
    print(f"\nPyTorch {torch.__version__}, same shapes:\n")
    header = (
        "layer",
        "theirs: training (ms)",
        "over torch Conv2d",
        "ours (ms)",
        "ours over theirs",
    )
    measure.print_table(header, (peer_row(arguments, name) for name in PEERS))


def peer_row(arguments, name):
    import torch

    channels = arguments.channels
    plain = torch.nn.Conv2d(channels, channels, 3, padding=1)
    ours = "AdaptiveOrthogonal" if name == "RKO" else name
    times = measure.interleaved(
        torch_step(plain, arguments),
        torch_step(peer_layer(name, channels), arguments),
        training_step(
            model_of(arguments, ours, **AS_THEIRS.get(name, {})), arguments
        ),
        seconds=arguments.seconds,
        cpu_time=arguments.cpu_time,
        at_least=5,
    )
    plain, theirs, mine = times
    return (
        f"{name} ({PEERS[name].partition('.')[0]})",
        f"{1e3 * theirs:.1f}",
        f"{theirs / plain:.2f}",
        f"{1e3 * mine:.1f} ({ours})",
        f"{mine / theirs:.2f}",
    )


def peer_layer(name, channels):
    """A layer of another library, by its path."""
    import importlib

    module, _, cls = PEERS[name].rpartition(".")
    cls = getattr(importlib.import_module(module), cls)
    if name == "SLL":
        return cls(channels, 1, 3)
    if name == "SOC":
        return cls(channels, channels, 3, padding=3, padding_mode="zeros")
    return cls(channels, channels, 3, padding=1)


def torch_step(layer, arguments):
    """A function that runs one step of a PyTorch layer."""
    import torch

    x = torch.from_numpy(batch(arguments)).permute(0, 3, 1, 2).contiguous()
    x.requires_grad_()
    target = x.detach()
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.01)

    def step():
        optimizer.zero_grad()
        loss = torch.nn.functional.mse_loss(layer(x), target)
        loss.backward()
        optimizer.step()
        return float(loss.detach())

    return step
