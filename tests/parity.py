#!/usr/bin/env python3
"""Grok once more, in double precision by torch's autograd, from docs/design/model.md alone.

    parity.py BEFORE AFTER WINDOWS.jsonl LOG.jsonl FP32.json BF16.json

One step of AdamW is made from the checkpoint BEFORE on the windows that `data show` printed: loss and
norm of the log, and moments, weights and router biases of the checkpoint AFTER must be its result. Then
what `firstlight-train logits --all --json` told of AFTER in either precision is held against its logits."""
import glob
import json
import math
import struct
import sys

import numpy
import torch

ALIGN = 16  # items: where tensors begin in the flat vector


def shapes(c):
    """Names and shapes in the order of the flat vector."""
    d, q, kv = c["dim"], c["q_heads"] * c["head_dim"], c["kv_heads"] * c["head_dim"]
    e, f, r = c["experts"], c["ffn"], c["residual_ffn"]
    yield "embed", (c["vocab"], d)
    for n in range(c["layers"]):
        rows = [("attention.norm_in", (d,)), ("attention.q", (d, q)), ("attention.k", (d, kv)),
                ("attention.v", (d, kv)), ("attention.o", (q, d)), ("attention.norm_out", (d,)),
                ("moe.norm_in", (d,)), ("moe.router", (d, e)), ("moe.w1", (e, d, f)),
                ("moe.wv", (e, d, f)), ("moe.w2", (e, f, d)), ("residual.w1", (d, r)),
                ("residual.wv", (d, r)), ("residual.w2", (r, d)), ("moe.norm_out", (d,))]
        for name, shape in rows:
            if (name == "moe.router" and e == 1) or (name.startswith("residual") and r == 0):
                continue
            yield "layers.%d.%s" % (n, name), shape
    yield "final_norm", (d,)
    if not c["tied"]:
        yield "head", (c["vocab"], d)


class Checkpoint:
    """The part of the only rank: a header of 4096 bytes, then whole vectors of fp32 (ckpt/part.h)."""

    def __init__(self, folder):
        self.meta = json.load(open(folder + "/meta.json"))
        self.config = {k[6:]: v for k, v in self.meta["config"].items() if k.startswith("model.")}
        (part,) = glob.glob(folder + "/part-*")
        data = open(part, "rb").read()
        assert data[:8] == b"FLCKPART"
        items, begin, end, vectors = struct.unpack_from("<QQQI", data, 32)
        assert begin == 0 and end == items
        self.vectors = {}
        for i in range(vectors):
            name = data[64 + 32 * i:96 + 32 * i].split(b"\0")[0].decode()
            flat = numpy.frombuffer(data, "<f4", items, 4096 + 4 * items * i)
            self.vectors[name] = dict(self.tensors(flat))
        self.bias = numpy.array(self.meta["router_bias"]).reshape(self.config["layers"], -1)

    def tensors(self, flat):
        at = 0
        for name, shape in shapes(self.config):
            count = math.prod(shape)
            yield name, torch.tensor(flat[at:at + count].astype("f8").reshape(shape))
            at += -(-count // ALIGN) * ALIGN
        assert at == len(flat)


def cap(x, c):
    return c * torch.tanh(x / c) if c else x


def rms(x, gain, eps):
    return x * gain / torch.sqrt((x * x).mean(-1, keepdim=True) + eps)


def ffn(m, w1, wv, w2):
    return (torch.nn.functional.gelu(m @ w1, approximate="tanh") * (m @ wv)) @ w2


def rotation(c, time):
    """cos and sin (time, head_dim / 2), by parts as in YaRN when the factor is above 1."""
    d, theta, pairs = c["head_dim"], c["rope_theta"], torch.arange(c["head_dim"] // 2, dtype=torch.double)
    frequency = theta ** (-2 * pairs / d)
    if c["rope_factor"] > 1:
        def pair(turns):
            return d * math.log(c["rope_original_context"] / (turns * 2 * math.pi)) / (2 * math.log(theta))
        low = max(math.floor(pair(c["rope_beta_fast"])), 0)
        high = min(math.ceil(pair(c["rope_beta_slow"])), d - 1)
        slowed = ((pairs - low) / max(high - low, 0.001)).clamp(0, 1)
        frequency = frequency * (1 - slowed) + frequency / c["rope_factor"] * slowed
    angle = torch.arange(time, dtype=torch.double)[:, None] * frequency
    return torch.cos(angle) * c["rope_magnitude"], torch.sin(angle) * c["rope_magnitude"]


def turn(x, cos, sin):
    a, b = x.chunk(2, -1)
    return torch.cat([a * cos - b * sin, b * cos + a * sin], -1)


def attention(c, w, x, tokens):
    time, d, group = len(tokens), c["head_dim"], c["q_heads"] // c["kv_heads"]
    heads = lambda y: turn(y.view(time, -1, d).transpose(0, 1), *rotation(c, time))
    q, k = heads(x @ w["attention.q"]), heads(x @ w["attention.k"])
    v = (x @ w["attention.v"]).view(time, -1, d).transpose(0, 1)
    k, v = k.repeat_interleave(group, 0), v.repeat_interleave(group, 0)
    s = cap(c["attention_scale"] * q @ k.transpose(1, 2), c["attention_cap"])
    start = c["attention_temperature_from"]
    if start:
        t = torch.arange(time, dtype=torch.double)
        s = s * torch.where(t > start, torch.log2(t.clamp(min=1)) / math.log2(start), 1.0)[:, None]
    seen = torch.tril(torch.ones(time, time, dtype=torch.bool)) & (tokens != c["pad"])
    p = torch.nan_to_num(torch.softmax(s.masked_fill(~seen, -math.inf), -1))  # a row that sees nothing: 0
    return (p @ v).transpose(0, 1).reshape(time, -1) @ w["attention.o"]


def experts(c, w, m, bias):
    """The output, the logits' log sums, the probabilities, and how many choices fell on each."""
    logits = cap(m @ w["moe.router"], c["router_cap"])
    p = torch.softmax(logits, -1)
    gates, out, counts = torch.zeros_like(p), 0, []
    chosen = torch.topk(p.detach() + torch.tensor(bias), c["experts_used"], -1).indices
    gates = p * torch.zeros_like(p).scatter(1, chosen, 1.0)
    if c["router_renormalize"]:
        gates = gates / gates.sum(-1, keepdim=True)
    for e in range(c["experts"]):
        rows = (chosen == e).any(-1)
        y = ffn(m[rows], w["moe.w1"][e], w["moe.wv"][e], w["moe.w2"][e]) * gates[rows, e:e + 1]
        out = out + torch.zeros_like(m).index_put((rows.nonzero()[:, 0],), y)
        counts.append(int(rows.sum()))
    return out, torch.logsumexp(logits, -1), p, counts


def forward(c, weights, bias, tokens):
    """Logits of one sequence and what its routers did, a layer each."""
    eps, routers = c["rms_eps"], []
    h = c["embed_scale"] * weights["embed"][tokens]
    for n in range(c["layers"]):
        prefix = "layers.%d." % n
        w = {k[len(prefix):]: v for k, v in weights.items() if k.startswith(prefix)}
        y = attention(c, w, rms(h, w["attention.norm_in"], eps), tokens)
        h = h + rms(y, w["attention.norm_out"], eps)
        m = rms(h, w["moe.norm_in"], eps)
        if c["experts"] > 1:
            out, *router = experts(c, w, m, bias[n])
            routers.append(router)
        else:
            out = ffn(m, w["moe.w1"][0], w["moe.wv"][0], w["moe.w2"][0])
        if c["residual_ffn"]:
            out = (out + ffn(m, w["residual.w1"], w["residual.wv"], w["residual.w2"])) / math.sqrt(2)
        h = h + rms(out, w["moe.norm_out"], eps)
    table = weights["embed" if c["tied"] else "head"]
    return cap(c["output_scale"] * rms(h, weights["final_norm"], eps) @ table.T, c["final_cap"]), routers


def close(what, got, want, tolerance, size=None):
    """Every item within the tolerance of the largest, which a sum's rounding goes by."""
    got, want = torch.as_tensor(got, dtype=torch.double), torch.as_tensor(want, dtype=torch.double)
    size = float(want.abs().max()) if size is None else size
    worst = float((got - want).abs().max()) / max(size, 1e-30)
    if not worst <= tolerance:
        sys.exit("%s differs by %.3g of %.3g, not by %.3g at most" % (what, worst, size, tolerance))
    return worst


def logits(folder, path, name, worst, mean):
    checkpoint, told = Checkpoint(folder), json.load(open(path))
    tokens = torch.tensor([row["token"] for row in told])
    got = torch.tensor([row["logits"] for row in told], dtype=torch.double)
    with torch.no_grad():
        want, _ = forward(checkpoint.config, checkpoint.vectors["weights"], checkpoint.bias, tokens)
    off = (got - want).norm() / want.norm()
    print("%d x %d logits in %s within %.2g (%.2g of their length)" % (
        *want.shape, name, close("logits in " + name, got, want, worst), off))
    if not off <= mean:
        sys.exit("logits in %s are off by %.3g of their length" % (name, off))


def objective(then, now, windows, weights):
    """What is differentiated, the mean cross entropy, and the routers' choices of all windows."""
    c, s = then.config, now.meta["config"]
    rows = s["train.batch"] * s["train.time"]
    shard = s["train.batch"] // s["train.shards"]
    counts = numpy.zeros((c["layers"], c["experts"]), int)
    loss = torch.zeros((), dtype=torch.double)
    extra = torch.zeros((), dtype=torch.double)
    targets = sum(t >= 0 for window in windows for t in window["targets"])
    for first in range(0, len(windows), shard):
        routed = []
        for window in windows[first:first + shard]:
            out, routers = forward(c, weights, then.bias, torch.tensor(window["tokens"]))
            loss = loss + torch.nn.functional.cross_entropy(
                out, torch.tensor(window["targets"]), ignore_index=-1, reduction="sum")
            routed.append(routers)
        for n in range(c["layers"] if c["experts"] > 1 else 0):
            own = numpy.sum([routers[n][2] for routers in routed], 0)
            counts[n] += own
            share = torch.tensor(own / own.sum())
            for log_sum, p, _ in (routers[n] for routers in routed):
                extra = extra + s["router.z_weight"] * (log_sum ** 2).sum() / rows
                extra = extra + s["router.aux_weight"] * c["experts"] * (p * share).sum() / rows
    # The trainer scales a gradient by the rows and then all of it by rows / targets.
    return (loss / rows + extra) * rows / targets, float(loss) / targets, counts


def rate(s, step):
    warmup, steps, top = s["optim.warmup"], s["train.steps"], s["optim.lr"]
    if step <= warmup:
        return top * step / warmup
    low = top * s["optim.min_lr"]
    return low + (top - low) * (1 + math.cos(math.pi * (step - warmup) / (steps - warmup))) / 2


def step(before, after, windows, log):
    then, now = Checkpoint(before), Checkpoint(after)
    s, number = now.meta["config"], now.meta["step"]
    windows = [json.loads(line) for line in open(windows)]
    assert len(windows) == s["train.batch"] and number == then.meta["step"] + 1
    told = [row for row in map(json.loads, open(log)) if row["event"] == "step" and row["step"] == number][-1]
    weights = {k: v.clone().requires_grad_() for k, v in then.vectors["weights"].items()}
    goal, loss, counts = objective(then, now, windows, weights)
    goal.backward()
    norm = math.sqrt(sum(float((w.grad ** 2).sum()) for w in weights.values()))
    close("loss", told["loss"], loss, 1e-6)
    close("gradient norm", told["grad_norm"], norm, 1e-5)
    close("learning rate", told["lr"], rate(s, number), 1e-7)
    clip = min(1, s["optim.clip"] / norm) if s["optim.clip"] else 1
    b1, b2, worst = s["optim.beta1"], s["optim.beta2"], 0
    for name, w in weights.items():
        g = w.grad * clip
        m = b1 * then.vectors["m"][name] + (1 - b1) * g
        v = b2 * then.vectors["v"][name] + (1 - b2) * g ** 2
        worst = max(worst, close(name + ": m", now.vectors["m"][name], m, 1e-5))
        close(name + ": v", now.vectors["v"][name], v, 2e-5)
        # from the moments of the checkpoint, so that their noise, which eps enlarges, is not judged again
        m, v = now.vectors["m"][name], now.vectors["v"][name]
        decay = s["optim.decay"] if w.dim() > 1 else 0
        w = w.detach()
        update = (m / (1 - b1 ** number)) / (torch.sqrt(v / (1 - b2 ** number)) + s["optim.eps"]) + decay * w
        want = w - rate(s, number) * update
        close(name, now.vectors["weights"][name], want, 1e-6, float(want.abs().max()))
    if then.config["experts"] > 1:
        fair = counts.sum(1, keepdims=True)
        moved = then.bias + s["router.bias_rate"] * numpy.sign(fair - counts * then.config["experts"])
        close("router bias", now.bias, moved, 1e-6, 1)
    print("step %d: loss %.6f, norm %.4f (clip %.2f), moments within %.2g" % (number, loss, norm, clip, worst))


if __name__ == "__main__":
    before, after, windows, log, fp32, bf16 = sys.argv[1:]
    step(before, after, windows, log)
    logits(after, fp32, "fp32", 2e-5, 5e-6)
    logits(after, bf16, "bf16", 0.1, 0.02)  # a row in a hundred may go to another expert
