"""Reads an export by the formats' own descriptions and holds every number against what the test made.

usage: independent.py TABLE FOLDER GGUF fp32|bf16; TABLE has a line "NAME OFFSET SHAPE..." a weight.
"""
import json
import os
import struct
import sys

table_path, folder, gguf_path, kind = sys.argv[1:]


def value(index):
    """A weight by its place in the flat vector, as fp32."""
    exact = (index * 2654435761 & 0xFFFFFF) / 16777216.0 - 0.5
    return struct.unpack("<f", struct.pack("<f", exact))[0]


def to_bf16(number):
    bits = struct.unpack("<I", struct.pack("<f", number))[0]
    bits = (bits + 0x7FFF + (bits >> 16 & 1)) >> 16 << 16
    return struct.unpack("<f", struct.pack("<I", bits))[0]


def numbers(raw, dtype):
    if dtype == "F32":
        return list(struct.unpack("<%df" % (len(raw) // 4), raw))
    halves = struct.unpack("<%dH" % (len(raw) // 2), raw)
    return [struct.unpack("<f", struct.pack("<I", h << 16))[0] for h in halves]


weights = {}
for line in open(table_path):
    name, offset, *shape = line.split()
    weights[name] = (int(offset), [int(n) for n in shape])
experts = [s[0] for n, (o, s) in weights.items() if n.endswith("moe.w1")][0]
dense = experts == 1 and not any("residual" in n for n in weights)


def ours(name, expert=None, turned=True):
    """Numbers and shape of one of our matrices, as (out, in)."""
    offset, shape = weights[name]
    if len(shape) == 3:
        offset += expert * shape[1] * shape[2]
        shape = shape[1:]
    if len(shape) == 1 or not turned:
        count = shape[0] * (shape[1] if len(shape) > 1 else 1)
        return [value(offset + i) for i in range(count)], shape
    rows, columns = shape
    return ([value(offset + r * columns + c) for c in range(columns) for r in range(rows)],
            [columns, rows])


def expected():
    """What Hugging Face's and GGUF's names stand for, from our names."""
    layer_names = {
        "attention.norm_in": ("pre_attn_norm", "attn_norm"),
        "attention.norm_out": ("post_attn_norm", "attn_output_norm"),
        "moe.norm_in": ("pre_moe_norm", "ffn_norm"),
        "moe.norm_out": ("post_moe_norm", "layer_output_norm"),
        "attention.q": ("self_attn.q_proj", "attn_q"),
        "attention.k": ("self_attn.k_proj", "attn_k"),
        "attention.v": ("self_attn.v_proj", "attn_v"),
        "attention.o": ("self_attn.o_proj", "attn_output"),
        "moe.router": ("block_sparse_moe.gate", "ffn_gate_inp"),
        "residual.w1": ("mlp.gate_proj", "ffn_gate"),
        "residual.wv": ("mlp.up_proj", "ffn_up"),
        "residual.w2": ("mlp.down_proj", "ffn_down"),
    }
    expert_names = {"w1": ("w1", "gate", "gate_proj"), "wv": ("w3", "up", "up_proj"),
                    "w2": ("w2", "down", "down_proj")}
    hf, gguf = {}, {}
    for name, (_, shape) in weights.items():
        if name in ("embed", "head"):
            hf[{"embed": "model.embed_tokens", "head": "lm_head"}[name] + ".weight"] = ours(
                name, turned=False)
            gguf[{"embed": "token_embd", "head": "output"}[name] + ".weight"] = ours(
                name, turned=False)
            continue
        if name == "final_norm":
            hf["model.norm.weight"] = gguf["output_norm.weight"] = ours(name)
            continue
        _, layer, what = name.split(".", 2)
        if what in layer_names:
            hf["model.layers.%s.%s.weight" % (layer, layer_names[what][0])] = ours(name)
            gguf["blk.%s.%s.weight" % (layer, layer_names[what][1])] = ours(name)
            continue
        short, stacked, plain = expert_names[what.split(".")[1]]
        everything = []
        for e in range(experts):
            numbers_, matrix = ours(name, e)
            everything += numbers_
            if dense:
                hf["model.layers.%s.mlp.%s.weight" % (layer, plain)] = (numbers_, matrix)
            else:
                hf["model.layers.%s.block_sparse_moe.experts.%d.%s.weight" % (layer, e, short)] = (
                    numbers_, matrix)
        gguf["blk.%s.ffn_%s_exps.weight" % (layer, stacked)] = (everything, [experts] + matrix)
        if experts == 1 and what == "moe.w1":
            gguf["blk.%s.ffn_gate_inp.weight" % layer] = ([0.0] * shape[1], [1, shape[1]])
    return hf, gguf


def compare(what, found, wanted, narrow):
    assert set(found) == set(wanted), (what, set(found) ^ set(wanted))
    for name, (dtype, shape, raw) in found.items():
        want, want_shape = wanted[name]
        fp32 = kind == "fp32" or narrow(name, shape)
        assert dtype == ("F32" if fp32 else "BF16"), (what, name, dtype)
        assert list(shape) == list(want_shape), (what, name, shape, want_shape)
        want = want if fp32 else [to_bf16(x) for x in want]
        assert numbers(raw, dtype) == want, (what, name)


def read_safetensors():
    found, files = {}, sorted(n for n in os.listdir(folder) if n.endswith(".safetensors"))
    index = None
    if len(files) > 1:
        index = json.load(open(os.path.join(folder, "model.safetensors.index.json")))
    total = 0
    for file in files:
        data = open(os.path.join(folder, file), "rb").read()
        length, = struct.unpack_from("<Q", data)
        header = json.loads(data[8:8 + length])
        assert (8 + length) % 8 == 0 and header.pop("__metadata__") == {"format": "pt"}
        at = 0
        for name, info in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
            begin, end = info["data_offsets"]
            assert begin == at, (name, begin, at)
            at = end
            raw = data[8 + length + begin:8 + length + end]
            found[name] = (info["dtype"], info["shape"], raw)
            assert index is None or index["weight_map"].pop(name) == file
            total += len(raw)
        assert 8 + length + at == len(data)
    if index:
        assert not index["weight_map"] and index["metadata"]["total_size"] == total
    return found


def read_gguf():
    data = open(gguf_path, "rb").read()
    at = 0

    def get(form):
        nonlocal at
        result, = struct.unpack_from("<" + form, data, at)
        at += struct.calcsize("<" + form)
        return result

    def text():
        nonlocal at
        length = get("Q")
        at += length
        return data[at - length:at].decode()

    forms = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q",
             12: "d"}

    def item(kind_):
        if kind_ == 8:
            return text()
        if kind_ == 9:
            inner, count = get("I"), get("Q")
            return [item(inner) for _ in range(count)]
        return get(forms[kind_])

    assert data[:4] == b"GGUF"
    at = 4
    version, tensors, keys = get("I"), get("Q"), get("Q")
    assert version == 3
    values = {}
    for _ in range(keys):
        key = text()
        assert key not in values, key
        values[key] = item(get("I"))
    infos = []
    for _ in range(tensors):
        name = text()
        assert len(name) < 64, name
        ne = [get("Q") for _ in range(get("I"))]
        infos.append((name, ne[::-1], get("I"), get("Q")))
    align = values["general.alignment"]
    start = (at + align - 1) // align * align
    found, expected_at = {}, 0
    for name, shape, kind_, offset in infos:
        dtype = {0: "F32", 30: "BF16"}[kind_]
        count = 1
        for n in shape:
            count *= n
        size = count * (4 if dtype == "F32" else 2)
        assert offset == expected_at and offset % align == 0, name
        expected_at = (offset + size + align - 1) // align * align
        found[name] = (dtype, shape, data[start + offset:start + offset + size])
    assert start + expected_at == len(data)
    return values, found


hf_wanted, gguf_wanted = expected()
compare("safetensors", read_safetensors(), hf_wanted, lambda name, shape: False)
keys, found = read_gguf()
compare("gguf", found, gguf_wanted, lambda name, shape: len(shape) == 1 or "gate_inp" in name)

config = json.load(open(os.path.join(folder, "config.json")))
mine = config["firstlight"]["config"]
assert config["architectures"] == ["Grok1ForCausalLM"]
for theirs, gguf_key, key in [
        ("hidden_size", "embedding_length", "dim"), ("num_hidden_layers", "block_count", "layers"),
        ("num_attention_heads", "attention.head_count", "q_heads"),
        ("num_key_value_heads", "attention.head_count_kv", "kv_heads"),
        ("head_dim", "rope.dimension_count", "head_dim"),
        ("moe_intermediate_size", "expert_feed_forward_length", "ffn"),
        ("num_local_experts", "expert_count", "experts"),
        ("num_experts_per_tok", "expert_used_count", "experts_used"),
        ("vocab_size", "vocab_size", "vocab"),
        ("max_position_embeddings", "context_length", "context")]:
    assert config[theirs] == keys["grok." + gguf_key] == mine["model." + key], key
assert keys["general.architecture"] == "grok"
assert keys["tokenizer.ggml.model"] == "no_vocab"
assert config["embedding_multiplier_scale"] == mine["model.embed_scale"] == 0.1 + 0.2
assert abs(keys["grok.embedding_scale"] - 0.3) < 1e-7
assert config["tie_word_embeddings"] == ("lm_head.weight" not in hf_wanted)
assert ("router_bias" in config["firstlight"]) == ("firstlight.router_bias" in keys)
