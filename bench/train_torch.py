"""A training step of the same model in PyTorch: what bench/train.c is compared with.

    train_torch.py MODE BATCH TIME THREADS STEPS SECONDS [--cpu]

MODE is fp32, autocast (bf16 products, fp32 weights) or bf16 (weights and moments too); with ':plain' PyTorch's own kernels
in place of oneDNN's. No step begins after so many seconds. Sandwich RMSNorm, RoPE, an attention cap by tanh, GELU-GLU, tied head, AdamW and clipping, as `gpt2-124m-shape`
is. Prints "torch-MODE tokens TOKENS_A_SECOND" for each step but the first, then "torch-MODE MiB PEAK"."""
import contextlib
import math
import resource
import sys
import time

import torch
import torch.nn.functional as F

MODE, BATCH, TIME, THREADS, STEPS, SECONDS = sys.argv[1], *map(int, sys.argv[2:7])
clock = (lambda: time.process_time() / THREADS) if "--cpu" in sys.argv else time.monotonic
V, D, LAYERS, HEADS, WIDTH, CAP = 50257, 768, 12, 12, 2048, 30.0
kind, _, plain = MODE.partition(":")
torch.set_num_threads(THREADS)
torch.manual_seed(1)


class Norm(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.gain = torch.nn.Parameter(torch.ones(D))

    def forward(self, x):
        wide = x.float()
        return (wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + 1e-5) * self.gain).to(x.dtype)


def linear(n, m):
    layer = torch.nn.Linear(n, m, bias=False)
    torch.nn.init.normal_(layer.weight, std=1 / math.sqrt(n))
    return layer


def turn(x, cos, sin):
    a, b = x.chunk(2, -1)
    return torch.cat((a * cos - b * sin, b * cos + a * sin), -1)


class Layer(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.norms = torch.nn.ModuleList(Norm() for _ in range(4))
        self.qkv, self.out = linear(D, 3 * D), linear(D, D)
        self.up, self.down = linear(D, 2 * WIDTH), linear(WIDTH, D)

    def forward(self, h, cos, sin, mask):
        n = self.norms
        q, k, v = self.qkv(n[0](h)).view(BATCH, TIME, 3, HEADS, D // HEADS).permute(2, 0, 3, 1, 4)
        q, k = turn(q, cos, sin), turn(k, cos, sin)
        logits = torch.tanh((q @ k.transpose(-1, -2)) * (0.125 / CAP)) * CAP
        p = torch.softmax(logits + mask, -1)
        h = h + n[1](self.out((p @ v).transpose(1, 2).reshape(BATCH, TIME, D)))
        g, u = self.up(n[2](h)).chunk(2, -1)
        return h + n[3](self.down(F.gelu(g) * u))  # torch 1.13's tanh form has no bf16


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = torch.nn.Embedding(V, D)
        torch.nn.init.normal_(self.embed.weight, std=1 / math.sqrt(D))
        self.layers = torch.nn.ModuleList(Layer() for _ in range(LAYERS))
        self.norm = Norm()

    def forward(self, tokens, targets):
        dtype = self.embed.weight.dtype
        angle = torch.outer(torch.arange(TIME), 10000 ** (-torch.arange(0, 64, 2) / 64))
        cos, sin = angle.cos().to(dtype), angle.sin().to(dtype)
        mask = torch.full((TIME, TIME), -1e30).triu(1).to(dtype)
        h = self.embed(tokens) * math.sqrt(D)
        for layer in self.layers:
            h = layer(h, cos, sin, mask)
        logits = F.linear(self.norm(h), self.embed.weight) * 3**-0.5
        return F.cross_entropy(logits.view(-1, V).float(), targets.view(-1))


def step(model, optimizer):
    tokens = torch.randint(0, V, (BATCH, TIME + 1))
    optimizer.zero_grad(set_to_none=True)
    with torch.autocast("cpu", dtype=torch.bfloat16) if kind == "autocast" else contextlib.nullcontext():
        loss = model(tokens[:, :-1], tokens[:, 1:].contiguous())
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()


def main():
    model = Model()
    if kind == "bf16":
        model = model.to(torch.bfloat16)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, betas=(0.9, 0.95), weight_decay=0.1)
    end = time.monotonic() + SECONDS
    with torch.backends.mkldnn.flags(enabled=not plain):
        for i in range(STEPS + 1):
            if i > 1 and time.monotonic() > end:  # the first is not counted, and one must be
                break
            begin = clock()
            step(model, optimizer)
            if i:
                print(f"torch-{MODE} tokens {BATCH * TIME / (clock() - begin):.2f}", flush=True)
    print(f"torch-{MODE} MiB {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f}")


main()
