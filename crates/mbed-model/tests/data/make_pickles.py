"""Writes the files of `torch.save` beside it, and what torch says they hold.

Run it where torch 2.5 or later is installed. Storage keys of the old container are addresses, so its bytes differ
from run to run; what they hold does not.
"""

import json
import os
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path

import torch

HERE = Path(__file__).parent


def values(count: int) -> torch.Tensor:
    """Numbers that every floating-point type holds exactly."""
    return (torch.arange(count, dtype=torch.float64) - 3) / 4


def floats() -> OrderedDict:
    """Tensors that must come out as they went in."""
    base = values(24).to(torch.float32).reshape(6, 4)
    tied = values(6).to(torch.float32).reshape(2, 3)
    tensors = OrderedDict()
    tensors["f32"] = values(6).to(torch.float32).reshape(2, 3)
    tensors["f16"] = values(6).to(torch.float16).reshape(3, 2)
    tensors["bf16"] = values(5).to(torch.bfloat16)
    tensors["f64"] = values(4).reshape(2, 1, 2)
    tensors["scalar"] = torch.tensor(2.5)
    tensors["empty"] = torch.zeros(0, 3)
    tensors["view.rows"] = base[1:3]
    tensors["view.columns"] = base[:, 1:3]
    tensors["view.transposed"] = base.t()
    tensors["view.permuted"] = values(24).to(torch.float16).reshape(2, 3, 4).permute(2, 0, 1)
    tensors["view.every_second"] = base.flatten()[1::2]
    tensors["view.repeated"] = torch.tensor([[1.5], [2.5]]).expand(2, 3)
    tensors["tied.one"] = tied
    tensors["tied.two"] = tied
    tensors["parameter"] = torch.nn.Parameter(values(3).to(torch.float32))
    return tensors


def others(*types: str) -> OrderedDict:
    """Tensors that are there and that nothing may ask for."""
    return OrderedDict((name, torch.ones(2, 2).to(getattr(torch, name))) for name in types)


# Those with a storage of their own type, and those without, which torch itself cannot read from an old container.
TYPED = ["int64", "int32", "int16", "int8", "uint8", "bool", "complex64"]
UNTYPED = ["uint16", "uint32", "uint64", "float8_e4m3fn", "float8_e5m2"]


def no_tensors() -> OrderedDict:
    """Values that are left out."""
    return OrderedDict(
        step=3, small=-1, large=2**40, huge=2**80, rate=0.5, word="größer", none=None, yes=True,
        list=[1, [2, (3, 4, 5, 6)]], dict={"a": {}}, tuple=(), pair=(1, 2),
    )


class Evil:
    """Runs a command where Python loads it."""

    def __reduce__(self):
        return os.system, ("echo this must never run",)


def layer() -> torch.nn.Module:
    """A module with parameters and buffers, whose state dict has attributes."""
    module = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(values(parameter.numel()).reshape(parameter.shape))
    return module


def save(name: str, content: object, **options: object) -> None:
    torch.save(content, HERE / f"{name}.bin", **options)


def with_long_fields(name: str, source: str) -> None:
    """The same archive with 64-bit sizes and places in its directory, as one above 4 GiB has."""
    limit, zipfile.ZIP64_LIMIT = zipfile.ZIP64_LIMIT, 1
    with zipfile.ZipFile(HERE / f"{source}.bin") as old, zipfile.ZipFile(HERE / f"{name}.bin", "w") as new:
        for member in old.namelist():
            new.writestr(member, old.read(member))
    zipfile.ZIP64_LIMIT = limit


def described(tensors: dict) -> dict:
    types = {torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "Bf16", torch.float64: "F64"}
    return {
        name: {
            "stored": types[tensor.dtype],
            "shape": list(tensor.shape),
            "values": tensor.detach().to(torch.float64).flatten().tolist(),
        }
        for name, tensor in tensors.items()
    }


def main() -> None:
    everything = OrderedDict({**floats(), **others(*TYPED, *UNTYPED), **no_tensors()})
    typed = OrderedDict({**floats(), **others(*TYPED), **no_tensors()})
    save("zip", everything)
    save("zip-protocol-5", everything, pickle_protocol=5)
    save("old", typed, _use_new_zipfile_serialization=False)
    save("old-protocol-4", typed, _use_new_zipfile_serialization=False, pickle_protocol=4)
    save("wrapped", {"epoch": 3, "state_dict": floats(), "optimizer": {"state": {0: torch.ones(2)}}})
    with_long_fields("zip-64", "zip")
    module = layer()
    save("module", module.state_dict())
    save("whole-module", module)
    save("evil", {"weight": torch.ones(2), "more": Evil()})
    save("evil-old", {"weight": torch.ones(2), "more": Evil()}, _use_new_zipfile_serialization=False)
    (HERE / "evil-plain.bin").write_bytes(pickle.dumps(Evil(), protocol=4))
    floating = {name: t for name, t in module.state_dict().items() if t.is_floating_point()}
    expected = {
        "floats": described(floats()),
        "typed": TYPED,
        "untyped": UNTYPED,
        "module": described(floating),
    }
    (HERE / "pickles.json").write_text(json.dumps(expected, indent=1) + "\n")


if __name__ == "__main__":
    main()
