"""Hostile files: mutations of three trajectories, and bombs. As a script it says what reading each costs."""

import io
import json
import random
import struct
import sys
import tempfile
import time
import tracemalloc
import zipfile
import zlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

import gradflow as gf

NUM_MUTATIONS = 2000
STORED, DEFLATED = 0, 8
BOWL = gf.problems.Quadratic([1.0, 4.0, 0.5])
W0 = [1.0, 1.0, -1.0]


def runs():
    """Return a flow with crossings and records, a descent with a memory, and a sketched one in batches."""
    events = {"e": gf.Event(lambda t, w: w[0], levels=(0.9, 0.6), terminal=False)}
    record = {"pair": lambda t, w: w[:2], "rare": gf.every(2, lambda t, w: t)}
    net = gf.problems.FeedForward(*gf.datasets.xor(), (2,))
    w0 = net.initial_weights(0)
    return {
        "flow": gf.integrate(gf.GradientFlow(BOWL), W0, 1.0, record=record, events=events),
        "descent": gf.descend(BOWL, W0, gf.rules.HeavyBall(0.1, 0.5), 12, record_every=3),
        "sketched": gf.descend(net, w0, 0.3, 12, batch=2, seed=1, sketch=gf.Sketch(w0.size, size=4)),
    }


@dataclass(frozen=True)
class Entry:
    """One member of an archive: what it holds, and what the archive says of it."""

    name: str
    content: bytes
    size: int
    checksum: int
    method: int = STORED
    flags: int = 0


def entry(name, content, method=STORED):
    """Return an honest member."""
    packer = zlib.compressobj(6, zlib.DEFLATED, -15)
    packed = packer.compress(content) + packer.flush() if method == DEFLATED else content
    return Entry(name, packed, len(content), zlib.crc32(content), method)


def archive(entries):
    """Return an archive, written by hand so that it can say what zipfile would never write."""
    body, listing = bytearray(), bytearray()
    for each in entries:
        name, at = each.name.encode(), len(body)
        sizes = (each.checksum, len(each.content), each.size, len(name), 0)
        shared = struct.pack("<HHHHHIIIHH", 20, each.flags, each.method, 0, 33, *sizes)
        body += b"PK\x03\x04" + shared + name + each.content
        listing += b"PK\x01\x02\x14\x00" + shared + struct.pack("<HHHII", 0, 0, 0, 0, at) + name
    count = min(len(entries), 0xFFFF)
    end = struct.pack("<HHHHIIH", 0, 0, count, count, len(listing), len(body), 0)
    return bytes(body + listing + b"PK\x05\x06" + end)


def npy(values):
    """Return an array as numpy writes it."""
    stream = io.BytesIO()
    np.save(stream, values, allow_pickle=True)
    return stream.getvalue()


def head(shape, descr="<f8"):
    """Return the header of an array as numpy writes it."""
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": descr, "fortran_order": False, "shape": shape})
    return stream.getvalue()


def contents(path):
    """Return the members of a good file by name."""
    with zipfile.ZipFile(path) as found:
        return {name: found.read(name) for name in found.namelist()}


def mutations(good, seed=0, count=NUM_MUTATIONS):
    """Yield names and bytes of mutated files; `good` are the paths of the good ones."""
    pick = random.Random(seed)
    parts = {name: contents(path) for name, path in good.items()}
    kinds = [_bytes_changed, _archive_changed, _array_changed, _numbers_changed, _header_changed]
    for number in range(count):
        kind, name = kinds[number % len(kinds)], pick.choice(sorted(parts))
        what, mutated = kind(pick, parts[name])
        yield f"{number} {name} {kind.__name__[1:]} {what}", mutated


def _bytes_changed(pick, parts):
    whole = bytearray(archive([entry(*each, pick.choice((STORED, DEFLATED))) for each in parts.items()]))
    at, length = pick.randrange(len(whole)), pick.choice((1, 1, 1, 4, 30, 1000))
    what = pick.choice(("flip", "cut", "zero", "noise", "insert", "drop", "end"))
    if what == "end":  # where the list of members is
        at = len(whole) - 1 - pick.randrange(600)
    if what in ("flip", "end"):
        whole[at] ^= 1 << pick.randrange(8)
    elif what == "cut":
        del whole[at:]
    elif what == "drop":
        del whole[at : at + length]
    else:
        room = 0 if what == "insert" else len(whole[at : at + length])
        whole[at : at + room] = bytes(length) if what == "zero" else pick.randbytes(length)
    return f"{what} {length} at {at}", bytes(whole)


def _archive_changed(pick, parts):
    entries = [entry(*each, pick.choice((STORED, DEFLATED))) for each in parts.items()]
    at = pick.randrange(len(entries))
    each, other = entries[at], entries[at - 1]
    lies = {
        "size": {"size": pick.choice((0, 1, each.size - 1, each.size + 8, 2**31, 2**32 - 2))},
        "checksum": {"checksum": each.checksum ^ 1},
        "method": {"method": pick.choice((1, 9, 12, 14, 93, 99, DEFLATED - each.method))},
        "flags": {"flags": pick.choice((1, 32, 64, 0x2000))},
        "name": {"name": pick.choice(("", "../header.npy", each.name.upper(), each.name[:-4], "x.npy"))},
        "swapped": {"name": other.name},
        "content": {"content": each.content[: pick.randrange(len(each.content))]},
    }
    what = pick.choice((*lies, "missing", "twice", "order", "nested"))
    if what in lies:
        entries[at] = replace(each, **lies[what])
    elif what == "missing":
        del entries[at]
    elif what == "twice":
        entries.append(each)
    elif what == "order":
        pick.shuffle(entries)
    else:
        entries[at] = entry(each.name, archive(entries))
    return f"{what} of {each.name}", archive(entries)


def _array_changed(pick, parts):
    """Arrays of another kind or form, with valid checksums."""
    name = pick.choice([each for each in parts if each != "header.npy"])
    values = np.load(io.BytesIO(parts[name]))
    changes = {
        "text": lambda: npy(values.astype("U40")),
        "bytes": lambda: npy(values.astype("S40")),
        "complex": lambda: npy(values + 0j),
        "dates": lambda: npy(np.zeros(values.shape, "M8[s]")),
        "structures": lambda: npy(np.zeros(values.shape, [("a", "f8")])),
        "objects": lambda: npy(values.astype(object)),
        "no size": lambda: npy(np.zeros(values.shape, "U0")),
        "shorter": lambda: npy(values[:-1]),
        "longer": lambda: npy(np.concatenate([values, values])),
        "deeper": lambda: npy(values[..., np.newaxis, np.newaxis]),
        "one": lambda: npy(np.float64(1.0)),
        "huge": lambda: head((10**12,)) + parts[name],
        "below zero": lambda: parts[name].replace(b"'shape': (", b"'shape': (-"),
        "code": lambda: parts[name].replace(b"False", b"1/0  "),
        "cut": lambda: parts[name][: pick.randrange(len(parts[name]))],
        "noise": lambda: pick.randbytes(200),
    }
    what = pick.choice(sorted(changes))
    changed = parts | {name: changes[what]()}
    return f"{what} of {name}", archive([entry(*each) for each in changed.items()])


def _numbers_changed(pick, parts):
    """Numbers of the right form that break a promise, with valid checksums."""
    names = ("times", "steps", "weights", "losses", "step_times", "final_weights", "final_state")
    name = f"{pick.choice(names)}.npy"
    values = np.load(io.BytesIO(parts[name])).copy()
    # The order of losses and of weights is nobody's promise, whole numbers are always finite.
    fitting = {"weights.npy": ("nan", "inf"), "losses.npy": ("nan", "inf"), "steps.npy": ("reversed", "1e9")}
    what = pick.choice(fitting.get(name, ("nan", "inf", "-inf", "reversed", "1e9")))
    if what == "reversed":
        values = values[::-1]
    else:
        values.reshape(-1)[0] = float(what)
    return f"{what} of {name}", archive([entry(*each) for each in (parts | {name: npy(values)}).items()])


def _header_changed(pick, parts):
    header = json.loads(str(np.load(io.BytesIO(parts["header.npy"]))))
    key = pick.choice([each for each in header if each != "outcome"])
    others = [None, 3, -1, 2.5, True, "text", [], {}, [1, 2], {"a": 1}, [[]], 10**400, ["a", "a"]]
    what = pick.choice(("value", "missing", "text", "deep"))
    valid = {"message": str, "method": str, "settings": dict, "records": list, "crossings": list}
    fits = [each for each in others if isinstance(each, valid.get(key, ()))]
    fits += {"num_gradients": [3], "num_hvps": [3], "version": [], "origin": [None, {"a": 1}]}.get(key, [])
    if what == "value":
        header[key] = pick.choice([each for each in others if each not in fits or type(each) is bool])
    elif what == "missing" and key not in ("origin", "arrays"):
        del header[key]
    text = json.dumps(header)
    if what == "text" or (what == "missing" and key in ("origin", "arrays")):
        text = text[: pick.randrange(len(text))]
    elif what == "deep":
        text = text[:-1] + ', "deep": ' + "[" * 100_000
    changed = parts | {"header.npy": npy(np.array(text))}
    return f"{what} of {key}", archive([entry(*each, DEFLATED) for each in changed.items()])


def bombs(path):
    """Yield names and bytes of files that would take much memory or time, made of the good one at `path`."""
    parts = contents(path)
    honest = {name: entry(name, content) for name, content in parts.items()}
    times = np.load(io.BytesIO(parts["times.npy"]))
    header = json.loads(str(np.load(io.BytesIO(parts["header.npy"]))))

    def empty(name, shape):
        return zeros(name, 8 * int(np.prod(shape)), head(shape))

    def true(name, shape):
        return entry(name, npy(np.zeros(shape)), DEFLATED)

    def with_members(**members):
        return archive({**honest, **{each.name: each for each in members.values()}}.values())

    def with_header(text):
        return archive([entry("header.npy", npy(np.array(text)), DEFLATED), *list(honest.values())[1:]])

    for name in ("times", "weights", "losses", "record 0"):
        yield f"zeros in {name}", with_members(one=zeros(f"{name}.npy", 2**31))
    yield "zeros that agree with each other", archive(_wide(header, honest, 10 * 2**20, empty))
    backwards = honest | {"times.npy": entry("times.npy", npy(np.arange(0.0, -len(times), -1)))}
    width = 3 * 2**24 // (8 * (2 * len(times) + 5))
    yield "zeros that are found out late", archive(_wide(header, backwards, width, true))
    long = b"\x93NUMPY\x02\x00" + struct.pack("<I", 2**32 - 1)
    yield "a header of an array without end", with_members(one=zeros("times.npy", 2**31, long))
    yield "zeros for a header", with_members(one=zeros("header.npy", 2**31, head((), f"<U{2**29}")))
    yield "a header of lists", with_header(json.dumps(header)[:-1] + ', "a": [' + "[]," * 4_000_000 + "[]]}")
    yield (
        "a header of numbers",
        with_header(json.dumps(header)[:-1] + ', "a": [' + "1.5," * 4_000_000 + "1]}"),
    )
    yield "a header of digits", with_header(json.dumps(header)[:-1] + ', "a": ' + "1" * 8_000_000 + "}")
    yield "a hundred thousand members", archive([entry(f"{number}", b"") for number in range(100_000)])
    yield "records without end", with_header(json.dumps(header | {"records": [f"{i}" for i in range(10**6)]}))
    yield "noise behind the members", archive(honest.values()) + bytes(10**6)
    one = honest["times.npy"]
    yield "one member many times", archive([*honest.values(), *[one] * 10_000])


def zeros(name, num_bytes, start=None):
    """Return a member of some kilobytes that unpacks to so many zeros behind the header of their array."""
    start = head((num_bytes // 8,)) if start is None else start
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    first = packer.compress(start) + packer.flush(zlib.Z_FULL_FLUSH)
    block = packer.compress(bytes(2**24)) + packer.flush(zlib.Z_FULL_FLUSH)
    return Entry(name, first + block * (num_bytes >> 24), len(start) + num_bytes, 0, DEFLATED)


def _wide(header, honest, width, packed):
    """Return the members of a run of so many weights, all zero; `packed` makes a member of a shape."""
    wide = {}
    for name, (_, *shape) in header["arrays"].items():
        if name in ("weights", "velocities", "crossing 0 2", "final_weights", "final_state"):
            wide[f"{name}.npy"] = packed(f"{name}.npy", (*shape[:-1], width))
            header["arrays"][name] = ["f8", *shape[:-1], width]
    told = entry("header.npy", npy(np.array(json.dumps(header))))
    return (honest | {"header.npy": told} | wide).values()


def sentence_of(path, good):
    """Return the sentence of a refusal, "" for a run that equals the good one; raise where it is neither."""
    try:
        run = gf.Trajectory.load(path)
    except ValueError as refused:
        return str(refused)
    assert parts_of(run) == parts_of(good)
    return ""


def peak(path, good):
    """Return the most bytes that Python and numpy hold while a file is read."""
    tracemalloc.start()
    try:
        sentence_of(path, good)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def parts_of(run):
    """Return everything in a run as what can be compared."""
    found = {name: value for name, value in vars(run).items() if name != "origin"}
    return repr({**found, "origin": run.origin.description, **_lists(found)})


def _lists(value):
    if isinstance(value, np.ndarray):
        return [value.dtype.str, value.shape, value.tobytes()]
    if isinstance(value, dict):
        return {name: _lists(each) for name, each in value.items()}
    return [_lists(each) for each in value] if isinstance(value, tuple) else value


def main():
    """Print what is slowest and largest, and how many were read."""
    with tempfile.TemporaryDirectory() as folder:
        good = {name: run.save(Path(folder) / name) for name, run in runs().items()}
        kept = {name: gf.Trajectory.load(path) for name, path in good.items()}
        seconds, bytes_, read, count = {}, {}, 0, 0
        path = Path(folder) / "hostile.npz"
        for what, content in [*mutations(good), *bombs(good["flow"])]:
            path.write_bytes(content)
            like = kept[what.split()[1] if what.split()[1] in kept else "flow"]
            began = time.process_time()
            read += sentence_of(path, like) == ""
            seconds[what] = time.process_time() - began
            bytes_[what] = peak(path, like)
            count += 1
    lines = [f"{count} files, {read} read, {sum(seconds.values()):.1f} s of CPU"]
    for table, unit, scale in ((seconds, "s", 1), (bytes_, "MB", 1e6)):
        slowest = sorted(table, key=table.get)[-6:]
        lines += [f"{table[what] / scale:8.3f} {unit}  {what}" for what in slowest]
    sys.stdout.write("\n".join([*lines, ""]))


if __name__ == "__main__":
    main()
