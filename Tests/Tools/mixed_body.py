"""The bodies of the test origin's /mixed/{id}, made again from the ID alone.

The counterpart of Tests/TestServer/MixedBody.swift, which says how; the two share no code, and a
test compares them over the network.
"""

MASK = (1 << 64) - 1
BLOCK_BYTES = 4080
KINDS = ("text", "unicode", "broken", "control", "bytes")

WELL_FORMED = [
    text.encode()
    for text in (
        "\u20ac\u20acab", "\U0001f600\u00e9\u00df", "\u6f22\u5b57\r\n", "\u2028\u2029\"\\",
        "\ufeff\ufffd\t\b", "\U0010ffff\U00010000", "\ud7ff\ue000</", "\uffff\ufffe{}",
        "\0\x01\x1f\x7f\x80\x9f", "e\u0301\U0001f1e9a", "\u07ff\u0800\f\vz",
        "\u06d4\u0627\u05d0\u0436", "\u200b\u202e[]", "plain, \n", "\"\\\"\\/\u00e4b",
        "\U0001d11e\ue000'",
    )
]
ILL_FORMED = [
    bytes.fromhex(digits).ljust(8, b"~")
    for digits in (
        "80", "bfbf", "c080", "c1bf", "e08080", "e09fbf", "eda080", "eda0bdedb880", "f0808080",
        "f08fbfbf", "f4908080", "f5808080", "fffe", "c3", "e282", "f09f98",
    )
]


def splitmix64(state):
    """The numbers of SplitMix64 from a seed on: https://prng.di.unimi.it/splitmix64.c"""
    while True:
        state = (state + 0x9E3779B97F4A7C15) & MASK
        z = state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        yield z ^ (z >> 31)


def size_of(number):
    value = number >> 8
    choice = number % 256
    if choice < 4:
        return 0
    if choice < 140:
        return 1 + value % 512
    if choice < 247:
        return value % 16384
    if choice < 255:
        return value % 131072
    return value % 2097153


def unit(kind, number):
    if kind == "text":
        return ((number & 0x3F3F3F3F3F3F3F3F) + 0x2020202020202020).to_bytes(8, "little")
    if kind == "control":
        return (number & 0x1F1F1F1F1F1F1F1F).to_bytes(8, "little")
    if kind == "bytes":
        return number.to_bytes(8, "little")
    is_broken = kind == "broken" and (number >> 8) % 64 == 0
    return (ILL_FORMED if is_broken else WELL_FORMED)[number % 16]


def mixed_body(job_id):
    """The body of an ID."""
    numbers = splitmix64(job_id)
    size = size_of(next(numbers))
    kind = KINDS[next(numbers) % 5]
    if kind == "unicode":
        size -= size % 8
    units = (min(BLOCK_BYTES, size) + 7) // 8
    block = b"".join(unit(kind, next(numbers)) for _ in range(units))
    pieces = []
    length = 0
    number = 0
    while length < size:
        piece = block + b"%08x%08x" % (job_id & 0xFFFFFFFF, number)
        pieces.append(piece)
        length += len(piece)
        number += 1
    return b"".join(pieces)[:size]
