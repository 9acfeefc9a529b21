"""A writer of .safetensors files that shares nothing with ours, for exchange_foreign.sh: files that
another program may write in its own way are the same model; what is wrong with one is one sentence.

    python3 safetensors_writer.py FIRSTLIGHT_TRAIN      in an empty folder
"""
import json
import math
import os
import random
import shutil
import struct
import subprocess
import sys

TRAIN = sys.argv[1]
V, D = 16, 8
FILE = "model.safetensors"
failed = False

CONFIG = {
    "architectures": ["Grok1ModelForCausalLM"], "vocab_size": V, "max_position_embeddings": 32, "hidden_size": D,
    "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 4,
    "intermediate_size": 6, "num_local_experts": 2, "num_experts_per_tok": 2, "rms_norm_eps": 1e-5,
    "tie_word_embeddings": True,
}


def shapes_of(config):
    """Names and shapes, in an order of its own."""
    v, d, f, head = (config[k] for k in ("vocab_size", "hidden_size", "intermediate_size", "head_dim"))
    q, kv = config["num_attention_heads"] * head, config["num_key_value_heads"] * head
    shapes = {"model.embed_tokens.weight": (v, d), "model.norm.weight": (d,)}
    for i in range(config["num_hidden_layers"]):
        at = f"model.layers.{i}."
        for norm in ("pre_attn", "post_attn", "pre_moe", "post_moe"):
            shapes[at + norm + "_norm.weight"] = (d,)
        for name, rows, columns in (("q", q, d), ("k", kv, d), ("v", kv, d), ("o", d, q)):
            shapes[at + f"self_attn.{name}_proj.weight"] = (rows, columns)
        shapes[at + "block_sparse_moe.gate.weight"] = (config["num_local_experts"], d)
        for e in range(config["num_local_experts"]):
            for name, shape in (("w1", (f, d)), ("w3", (f, d)), ("w2", (d, f))):
                shapes[at + f"block_sparse_moe.experts.{e}.{name}.weight"] = shape
    return shapes


def tensors():
    """Names, shapes and values; every value is one in F16 and in BF16 too."""
    dice = random.Random(5)
    out = []
    for name, shape in shapes_of(CONFIG).items():
        out.append((name, shape, [dice.randrange(-127, 128) / 64 for _ in range(math.prod(shape))]))
    return out


def pack(dtype, values):
    if dtype == "F32":
        return struct.pack(f"<{len(values)}f", *values)
    if dtype == "F16":
        return struct.pack(f"<{len(values)}e", *values)
    return b"".join(struct.pack("<f", v)[2:] for v in values)  # the upper half is the bfloat16


def describe(list_, dtype):
    """A header's entries and the bytes behind it."""
    header, data = {}, b""
    for name, shape, values in list_:
        packed = pack(dtype, values)
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [len(data), len(data) + len(packed)]}
        data += packed
    return header, data


def file_of(header, data, pad=0, indent=None):
    text = header if isinstance(header, bytes) else json.dumps(header, indent=indent).encode() + b" " * pad
    return struct.pack("<Q", len(text)) + text + data


def folder(name, files, config=CONFIG):
    shutil.rmtree(name, ignore_errors=True)
    os.mkdir(name)
    with open(name + "/config.json", "w") as f:
        json.dump(config, f)
    for path, content in files.items():
        with open(f"{name}/{path}", "wb") as f:
            f.write(content)


def take(name):
    shutil.rmtree("back", ignore_errors=True)
    return subprocess.run([TRAIN, "import", "-o", "back", name], capture_output=True, text=True)


def wrong(text):
    global failed
    failed = True
    print("WRONG:", text)


def weights():
    with open("back/step-00000000/part-00000-of-00001", "rb") as f:
        return f.read()


def valid():
    """Whatever the order, type, files or white space: the same weights, which come out again as they were."""
    all_ = tensors()
    mixed = random.Random(1).sample(all_, len(all_))
    header, data = describe(mixed, "F32")
    with_metadata = {"__metadata__": {"format": "np", "who": "a \u00e9 \U0001f600"}, **header}
    upside_down = dict(reversed(list(header.items())))
    half = len(all_) // 2
    extra = all_ + [("model.layers.0.self_attn.rotary_emb.inv_freq", (2,), [1.0, 0.5])]
    cases = {
        "F32": {FILE: file_of(*describe(all_, "F32"))},
        "F16": {FILE: file_of(*describe(all_, "F16"))},
        "BF16": {FILE: file_of(*describe(all_, "BF16"))},
        "another order": {FILE: file_of(header, data)},
        "a header in another order than the bytes": {FILE: file_of(upside_down, data)},
        "metadata": {FILE: file_of(with_metadata, data)},
        "white space": {FILE: file_of(header, data, pad=1001, indent=3)},
        "several files": {"b.safetensors": file_of(*describe(all_[:half], "BF16")),
                          "a.safetensors": file_of(*describe(all_[half:], "F32"))},
        "a file without tensors": {FILE: file_of(header, data), "none.safetensors": file_of({}, b"")},
        "a table that can be computed": {FILE: file_of(*describe(extra, "F32"))},
    }
    want = None
    for name, files in cases.items():
        folder("model", files)
        done = take("model")
        if done.returncode != 0:
            wrong(f"{name}: {done.stderr}")
            continue
        want = want or weights()
        if weights() != want:
            wrong(f"{name}: other weights")
    shutil.rmtree("out", ignore_errors=True)
    subprocess.run([TRAIN, "export", "-f", "safetensors", "--precision", "fp32", "-o", "out", "back"], check=True,
                   stdout=subprocess.DEVNULL)
    with open("out/" + FILE, "rb") as f:
        length, = struct.unpack("<Q", f.read(8))
        header, data = json.loads(f.read(length)), f.read()
    for name, shape, values in all_:
        begin, end = header[name]["data_offsets"]
        if tuple(header[name]["shape"]) != shape or data[begin:end] != pack("F32", values):
            wrong(f"{name} comes out otherwise")


def malformed():
    all_ = tensors()
    header, data = describe(all_, "F32")
    good = file_of(header, data)
    first, second, last = all_[0][0], all_[1][0], all_[-1][0]
    size = header[last]["data_offsets"][1]
    begins, ends = header[second]["data_offsets"]

    def entry(name, **change):
        return {FILE: file_of({**header, name: {**header[name], **change}}, data)}

    def text(bytes_, data_=b""):
        return {FILE: file_of(bytes_, data_)}

    def renamed(old, new):
        return {FILE: file_of({(new if k == old else k): v for k, v in header.items()}, data)}

    def value(number):
        return {FILE: file_of(header, struct.pack("<f", number) + data[4:])}

    no_file = f"{FILE}: it is no safetensors file, or it is cut off in its header"
    cases = [
        ("an empty file", {FILE: b""}, no_file),
        ("half a length", {FILE: good[:7]}, no_file),
        ("a header cut off", {FILE: good[:500]}, no_file),
        ("a length that wraps round", {FILE: b"\xff" * 8 + good[8:]}, no_file),
        ("no header", text(b""), f"{FILE}: its header is no JSON: '[' or '{{' expected near end of file at byte 0"),
        ("a list", text(b"[]"), f"{FILE}: its header is no JSON object"),
        ("a name twice", text(b'{"a":{},"a":{}}'), f"{FILE}: its header is no JSON: duplicate object key near '\"a\"' at byte 11"),
        ("metadata that is a list", text(b'{"__metadata__":[]}'), f"{FILE}: __metadata__ is no object"),
        ("metadata with a number", text(b'{"__metadata__":{"a":1}}'), f"{FILE}: __metadata__ holds something that is no text"),
        ("a tensor that is a number", text(b'{"a":1}'), f"{FILE}: a is not described by an object"),
        ("a tensor without a name", text(b'{"":{}}'), f"{FILE}: a tensor's name has more than 127 bytes, or none"),
        ("a long name", text(b'{"%s":{}}' % (b"a" * 128)), f"{FILE}: a tensor's name has more than 127 bytes, or none"),
        ("F64", entry(first, dtype="F64"), f"{FILE}: {first} has the dtype F64; F32, BF16 and F16 can be read"),
        ("a dtype that is a number", entry(first, dtype=32),
         f"{FILE}: {first} has the dtype that is no text; F32, BF16 and F16 can be read"),
        ("no shape", entry(first, shape=None), f"{FILE}: {first} has a shape of other than up to 4 dimensions"),
        ("five dimensions", entry(first, shape=[V, D, 1, 1, 1]), f"{FILE}: {first} has a shape of other than up to 4 dimensions"),
        ("a dimension below 0", entry(first, shape=[-V, -D]), f"{FILE}: {first} has a shape that is not of whole numbers"),
        ("half a dimension", entry(first, shape=[V * 2, D / 2]), f"{FILE}: {first} has a shape that is not of whole numbers"),
        ("a shape that wraps round", entry(first, shape=[1 << 32, 1 << 32, V * D]),
         f"{FILE}: {first} has {V * D * 4} bytes, which is not what its shape takes"),
        ("too few bytes", entry(first, shape=[V + 1, D]), f"{FILE}: {first} has {V * D * 4} bytes, which is not what its shape takes"),
        ("three places", entry(first, data_offsets=[0, 4, 8]), f"{FILE}: {first} has data_offsets that do not lie in the file"),
        ("an end before the begin", entry(first, data_offsets=[V * D * 4, 0]),
         f"{FILE}: {first} has data_offsets that do not lie in the file"),
        ("a file cut off", {FILE: good[:-1]}, f"{FILE}: {last} has data_offsets that do not lie in the file"),
        ("an overlap", entry(second, data_offsets=[begins - 4, ends - 4]),
         f"{FILE}: {second} begins at byte {begins - 4}, but {begins} is next"),
        ("a hole", {FILE: file_of({k: v for k, v in header.items() if k != first}, data)},
         f"{FILE}: {second} begins at byte {begins}, but 0 is next"),
        ("bytes that are nobody's", {FILE: good + b"\0\0"}, f"{FILE}: its tensors have {size} bytes, the file has {size + 2}"),
        ("no number", value(float("nan")), f": {first} holds nan at (0, 0)"),
        ("no end of a number", value(float("-inf")), f": {first} holds -inf at (0, 0)"),
        ("a tensor that is missing", {FILE: file_of(*describe(all_[1:], "F32"))}, f": it lacks the tensor {first}"),
        ("a tensor by another name", renamed(last, last + ".bias"), f": it lacks the tensor {last}"),
        ("a tensor too many", {FILE: file_of(*describe(all_ + [("lm_tail", (1,), [0.0])], "F32"))},
         ": it has the tensor lm_tail, which a Grok of its constants has not"),
        ("a matrix that lies the other way", entry(first, shape=[D, V]),
         f": {first} has the shape ({D}, {V}), by config.json it is ({V}, {D})"),
        ("a tensor in two files", {FILE: good, "more.safetensors": file_of(*describe(all_[:1], "F32"))},
         f": the tensor {first} is there twice"),
        ("no file", {}, ": there are no .safetensors files"),
    ]
    for name, files, says in cases:
        folder("model", files)
        done = take("model")
        want = "firstlight-train import: model" + ("/" if says[0] != ":" else "") + says + "\n"
        if done.returncode != 2 or done.stderr != want or done.stdout or os.path.exists("back"):
            wrong(f"{name}: exit code {done.returncode}, '{done.stderr.strip()}', not '{want.strip()}'")
    return len(cases)


def large():
    """What goes in and out is in memory once: a second copy of 124 MiB would be seen."""
    config = {**CONFIG, "vocab_size": 4096, "hidden_size": 512, "intermediate_size": 4608, "head_dim": 256}
    header, bytes_ = {}, 0
    for name, shape in shapes_of(config).items():
        size = 4 * math.prod(shape)
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [bytes_, bytes_ + size]}
        bytes_ += size
    folder("large", {FILE: file_of(header, b"")}, config)
    with open("large/" + FILE, "ab") as f:  # in pieces: a child's peak begins with ours
        for at in range(0, bytes_, 1 << 20):
            f.write(struct.pack("<f", 0.25) * (min(1 << 20, bytes_ - at) // 4))
    for path in ("back", "out"):
        shutil.rmtree(path, ignore_errors=True)
    for words in (["import", "-o", "back", "large"],
                  ["export", "-f", "safetensors", "--precision", "fp32", "-o", "out", "back"],
                  ["export", "-f", "gguf", "--precision", "bf16", "-o", "half.gguf", "back"]):
        pid = os.posix_spawn(TRAIN, [TRAIN, *words], os.environ, file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)])
        _, status, used = os.wait4(pid, 0)
        if status != 0:
            wrong(f"{words}: status {status}")
        print(f"{words[0]} of {bytes_ >> 20} MiB took {used.ru_maxrss >> 10} MiB")
        if used.ru_maxrss * 1024 > bytes_ + (24 << 20):
            wrong(f"{words} took {used.ru_maxrss >> 10} MiB for {bytes_ >> 20} MiB of weights")


valid()
count = malformed()
if "ASAN_OPTIONS" not in os.environ:  # which has a memory of its own
    large()
print(f"{count} malformed files")
sys.exit(failed)
