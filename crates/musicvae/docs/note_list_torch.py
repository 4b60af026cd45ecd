"""One of our models over note lists in PyTorch, from the file of `controlgen export-torch MODEL -o FILE`.

    model = load("model.safetensors")
    mean, std_dev = model.encode(meters, windows)     # [B] classes of meters, cells of each window
    cells = model.cells(mean, meters)                 # [B, C, W]: what each cell's list is written from
    position, fields = model.logits(cells[b, c], notes)

A window is a list of cells, a cell a list of notes, and a note one symbol for each field: the class,
offset by the classes of the previous fields (the first field is the position in the cell). `logits`
reads the notes of one cell and returns the logits of the next position, first before any note and
then after each of them (the last class is the end of the list), and those of each note's other
fields.
Needs torch and safetensors. Gate order, forget bias and layouts are already PyTorch's.
"""
import torch
from safetensors.torch import load_file


def linear(tensors, name):
    n_outputs, n_inputs = tensors[f"{name}.weight"].shape
    return torch.nn.Linear(n_inputs, n_outputs, bias=f"{name}.bias" in tensors)


def embedding(tensors, name):
    return torch.nn.Embedding(*tensors[f"{name}.weight"].shape)


def lstm(tensors, name):
    width, n = tensors[f"{name}.weight_ih_l0"].shape
    both = f"{name}.weight_ih_l0_reverse" in tensors
    return torch.nn.LSTM(n, width // 4, batch_first=True, bidirectional=both)


class NoteListVae(torch.nn.Module):
    def __init__(self, tensors):
        super().__init__()
        fields = torch.nn.ModuleList()
        while (name := f"decoder.heads.fields.{len(fields)}") + ".known.weight" in tensors:
            known, output = embedding(tensors, f"{name}.known"), linear(tensors, f"{name}.output")
            fields.append(torch.nn.ModuleDict({"known": known, "output": output}))
        width = len(tensors["encoder.norm.weight"])
        self.encoder = torch.nn.ModuleDict({
            **{name: embedding(tensors, f"encoder.{name}") for name in ["notes", "meters"]},
            **{name: linear(tensors, f"encoder.{name}") for name in ["cell", "summary", "mean", "std_dev"]},
            "norm": torch.nn.LayerNorm(width, eps=1e-5),
            "over_cells": lstm(tensors, "encoder.over_cells"),
        })
        self.decoder = torch.nn.ModuleDict({
            "plan": linear(tensors, "decoder.plan"),
            "meters": embedding(tensors, "decoder.meters"),
            "conductor": lstm(tensors, "decoder.conductor"),
            "list": lstm(tensors, "decoder.list"),
            "heads": torch.nn.ModuleDict({
                "position": linear(tensors, "decoder.heads.position"),
                "hidden": linear(tensors, "decoder.heads.hidden"),
                "fields": fields,
            }),
        })
        self.n_cells = self.encoder["mean"].in_features // self.encoder["summary"].out_features
        self.load_state_dict(tensors)

    def encode(self, meters, windows):
        encoder = self.encoder
        sets = torch.zeros(len(windows), self.n_cells, encoder["notes"].embedding_dim)
        for b, cells in enumerate(windows):
            for c, notes in enumerate(cells):
                if notes:
                    notes = encoder["notes"](torch.tensor(notes)).sum(1)
                    sets[b, c] = torch.nn.functional.silu(notes).sum(0)
        x = encoder["norm"](encoder["cell"](sets) + encoder["meters"](meters)[:, None])
        summary = encoder["summary"](torch.cat([x, encoder["over_cells"](x)[0]], 2)).flatten(1)
        return encoder["mean"](summary), torch.nn.functional.softplus(encoder["std_dev"](summary))

    def cells(self, z, meters):
        plan = self.decoder["plan"](z).unflatten(1, (self.n_cells, -1))
        read, _ = self.decoder["conductor"](plan + self.decoder["meters"](meters)[:, None])
        return torch.cat([read, plan], 2)

    def logits(self, cell, notes):
        heads, writer = self.decoder["heads"], self.decoder["list"]
        n_symbols = writer.input_size - len(cell)  # the last symbol is the start of a list
        previous = torch.zeros(len(notes) + 1, n_symbols)
        previous[0, -1] = 1
        for step, note in enumerate(notes):
            previous[step + 1, note] = 1
        h, _ = writer(torch.cat([previous, cell.expand(len(previous), -1)], 1)[None])
        position, hidden = heads["position"](h[0]), heads["hidden"](h[0, :-1])
        fields, column = [], 0
        for i, head in enumerate(heads["fields"]):
            size = head["known"].embedding_dim
            known = [head["known"](torch.tensor(note[:i + 1])).sum(0) for note in notes]
            own = hidden[:, column:column + size] + (torch.stack(known) if known else 0)
            fields.append(head["output"](torch.nn.functional.silu(own)))
            column += size
        return position, fields


def load(path):
    return NoteListVae(load_file(path)).eval()
