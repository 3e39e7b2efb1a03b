#!/usr/bin/env python3
"""Golden values of recurrent layers from PyTorch 2: writes recurrent.npz beside this file."""
import torch
from golden_case import layer, save, x
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

TIME, BATCH, FEATURES, HIDDEN = 5, 3, 4, 2


def recurrent(name, kind, states, lengths=None, **options):
    """A module's call with its own variables: out and last states from x, first states (unless states is False) and
    lengths."""
    module = kind(FEATURES, HIDDEN, dtype=torch.float64, **options)
    count = 2 if kind is torch.nn.LSTM else 1

    def f(v, *rest, **w):
        first = None if not states else rest[:count] if count == 2 else rest[0]
        total = v.shape[1 if module.batch_first else 0]
        if lengths is not None:
            v = pack_padded_sequence(v, rest[-1], module.batch_first, enforce_sorted=False)
        y, last = torch.func.functional_call(module, w, (v, first))
        if lengths is not None:
            y, _ = pad_packed_sequence(y, module.batch_first, total_length=total)
        return (y, *last) if count == 2 else (y, last)

    shape = (BATCH, TIME, FEATURES) if module.batch_first else (TIME, BATCH, FEATURES)
    loops = module.num_layers * (2 if module.bidirectional else 1)
    inputs = [x(*shape)]
    if states:
        inputs += [x(loops, BATCH, HIDDEN) for _ in range(count)]
    if lengths is not None:
        inputs.append(torch.tensor(lengths))
    layer(name, f, inputs, {key: x(*w.shape) for key, w in module.named_parameters()})


for kind, name in (torch.nn.RNN, "rnn"), (torch.nn.LSTM, "lstm"), (torch.nn.GRU, "gru"):
    recurrent(f"{name}/plain", kind, False)
    recurrent(f"{name}/states", kind, True)
    recurrent(f"{name}/stacked", kind, True, num_layers=2)
    recurrent(f"{name}/lengths", kind, True, lengths=[3, 5, 1])
    recurrent(f"{name}/all", kind, True, lengths=[4, 1, 5], num_layers=2, bidirectional=True)
    recurrent(f"{name}/batch_first", kind, False, lengths=[5, 2, 3], bidirectional=True, batch_first=True, bias=False)
recurrent("rnn/relu", torch.nn.RNN, True, nonlinearity="relu", num_layers=2)
save(__file__)
