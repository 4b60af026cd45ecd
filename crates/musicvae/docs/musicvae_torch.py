"""A model of ours in PyTorch, from the file that `controlgen export-torch MODEL -o FILE` writes.

    model = load("model.safetensors")
    mean, std_dev = model.encode(one_hot)         # [B, T, V] -> [B, Z] each
    logits = model.decode(mean, previous)         # previous: one-hot, one step late, zeros at first

Needs torch and safetensors. Gate order, forget bias and layouts are PyTorch's already.
"""
import torch
from safetensors.torch import load_file


def stack(tensors, prefix, bidirectional=False):
    """The LSTM layers whose tensors start with `prefix`, one module for each."""
    layers = torch.nn.ModuleList()
    while (name := f"{prefix}.{len(layers)}.weight_ih_l0") in tensors:
        width, n_inputs = tensors[name].shape
        layers.append(torch.nn.LSTM(
            n_inputs, width // 4, batch_first=True, bidirectional=bidirectional))
    return layers


def linear(tensors, prefix):
    n_outputs, n_inputs = tensors[f"{prefix}.weight"].shape
    return torch.nn.Linear(n_inputs, n_outputs)


class MusicVae(torch.nn.Module):
    def __init__(self, tensors):
        super().__init__()
        self.encoder = torch.nn.ModuleDict({
            "layers": stack(tensors, "encoder.layers", bidirectional=True),
            "mean": linear(tensors, "encoder.mean"), "std_dev": linear(tensors, "encoder.std_dev")})
        self.decoder = torch.nn.ModuleDict({
            "layers": stack(tensors, "decoder.layers"),
            "initial": linear(tensors, "decoder.initial"),
            "output": linear(tensors, "decoder.output")})
        self.load_state_dict(tensors)

    def encode(self, x):
        for layer in self.encoder["layers"]:
            x, (h, _) = layer(x)
        last = torch.cat([h[0], h[1]], dim=1)  # forward after the last step, backward after the first
        std_dev = torch.nn.functional.softplus(self.encoder["std_dev"](last))
        return self.encoder["mean"](last), std_dev

    def decode(self, z, previous):
        states = torch.tanh(self.decoder["initial"](z))
        x = torch.cat([previous, z[:, None].expand(-1, previous.shape[1], -1)], dim=2)
        for layer in self.decoder["layers"]:
            c, h, states = states.tensor_split([layer.hidden_size, 2 * layer.hidden_size], dim=1)
            x, _ = layer(x, (h[None].contiguous(), c[None].contiguous()))
        return self.decoder["output"](x)


def load(path):
    return MusicVae(load_file(path)).eval()
