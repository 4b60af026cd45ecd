"""One of our models in PyTorch, from the file that `controlgen export-torch MODEL -o FILE` writes.

    model = load("model.safetensors", n_segments=1)   # 16 for a model with a conductor over 16 bars
    mean, std_dev = model.encode(one_hot)             # [B, T, V] -> [B, Z] each
    logits = model.decode(mean, [previous])           # for each core its parts' one-hot vectors,
                                                      # delayed by one step (followed by a control's,
                                                      # not delayed)
Needs torch and safetensors. Gate order, forget bias and layouts are already PyTorch's.
"""
import torch
from safetensors.torch import load_file


def linear(tensors, prefix):
    n_outputs, n_inputs = tensors[f"{prefix}.weight"].shape
    return torch.nn.Linear(n_inputs, n_outputs)


class Stack(torch.nn.ModuleDict):
    """LSTM layers with their dense layers, and their initial states from a latent."""
    def __init__(self, tensors, prefix, dense, bidirectional=False):
        layers = torch.nn.ModuleList()
        while (name := f"{prefix}layers.{len(layers)}.weight_ih_l0") in tensors:
            width, n = tensors[name].shape
            layers.append(torch.nn.LSTM(n, width // 4, batch_first=True, bidirectional=bidirectional))
        super().__init__({"layers": layers, **{d: linear(tensors, prefix + d) for d in dense}})

    def forward(self, z, x):
        states = torch.tanh(self["initial"](z))
        for layer in self["layers"]:
            c, h, states = states.tensor_split([layer.hidden_size, 2 * layer.hidden_size], dim=1)
            x, _ = layer(x, (h[None].contiguous(), c[None].contiguous()))
        return x


class MusicVae(torch.nn.Module):
    def __init__(self, tensors, n_segments=1):
        super().__init__()
        self.n_segments, cores = n_segments, torch.nn.ModuleList()
        while f"decoder.cores.{len(cores)}.output.weight" in tensors:
            cores.append(Stack(tensors, f"decoder.cores.{len(cores)}.", ["initial", "output"]))
        self.encoder = Stack(tensors, "encoder.", ["mean", "std_dev"], bidirectional=True)
        self.decoder = torch.nn.ModuleDict({"cores": cores})
        if "decoder.conductor.initial.weight" in tensors:
            self.decoder["conductor"] = Stack(tensors, "decoder.conductor.", ["initial"])
        self.load_state_dict(tensors)

    def encode(self, x):
        for layer in self.encoder["layers"]:
            x, (h, _) = layer(x)
        last = torch.cat([h[0], h[1]], dim=1)  # final states of both directions
        return self.encoder["mean"](last), torch.nn.functional.softplus(self.encoder["std_dev"](last))

    def decode(self, z, previous):
        batch, steps, _ = previous[0].shape
        if "conductor" in self.decoder:  # the embedding of each segment replaces the latent
            z = self.decoder["conductor"](z, z.new_zeros(batch, self.n_segments, 1)).flatten(0, 1)
        return [self.core(core, z, x) for core, x in zip(self.decoder["cores"], previous)]

    def core(self, core, z, x):
        batch, steps, width = x.shape
        x = x.reshape(len(z), -1, width)
        h = core(z, torch.cat([x, z[:, None].expand(-1, x.shape[1], -1)], dim=2))
        return core["output"](h).reshape(batch, steps, -1)


def load(path, n_segments=1):
    return MusicVae(load_file(path), n_segments).eval()
