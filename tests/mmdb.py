"""A file in MaxMind's form, written from invented networks: as much of the format as the tests need.

See https://maxmind.github.io/MaxMind-DB/: a binary tree of nodes over the bits of an address, data, then metadata.
"""

import ipaddress
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_MARK = b"\xab\xcd\xefMaxMind.com"
_UINT16, _UINT32, _UINT64 = 5, 6, 9
_WIDTHS = {"node_count": _UINT32, "build_epoch": _UINT64}


def write_mmdb(path: Path, kind: str, networks: Mapping[str, Any], built_s: int = 1_790_000_000) -> Path:
    """One record per network; IPv4 lies in the first 32 bits after 96 zeros, as in every file of both kinds."""
    data, places = b"", {}
    for network, record in networks.items():
        places[network] = len(data)
        data += _packed(record)
    nodes: list[list[Any]] = [[None, None]]
    for network in networks:
        parsed = ipaddress.ip_network(network)
        length = parsed.prefixlen + (96 if parsed.version == 4 else 0)
        bits = f"{int(parsed.network_address):0128b}"[:length]
        at = 0
        for bit in bits[:-1]:
            if nodes[at][int(bit)] is None:
                nodes.append([None, None])
                nodes[at][int(bit)] = len(nodes) - 1
            at = nodes[at][int(bit)]
        nodes[at][int(bits[-1])] = ("data", places[network])
    count = len(nodes)

    def number(one: Any) -> int:
        return count if one is None else one if isinstance(one, int) else count + 16 + one[1]

    tree = b"".join(struct.pack(">II", number(left), number(right)) for left, right in nodes)
    metadata = {
        "binary_format_major_version": 2, "binary_format_minor_version": 0, "build_epoch": built_s,
        "database_type": kind, "description": {"en": "invented"}, "ip_version": 6, "languages": [],
        "node_count": count, "record_size": 32,
    }  # fmt: skip
    head = b"".join(_packed(name) + _packed(of, _WIDTHS.get(name, _UINT16)) for name, of in metadata.items())
    path.write_bytes(tree + bytes(16) + data + _MARK + _head(7, len(metadata)) + head)
    return path


def _packed(value: Any, width: int = _UINT32) -> bytes:
    if isinstance(value, bool):
        return _head(14, int(value))
    if isinstance(value, str):
        text = value.encode()
        return _head(2, len(text)) + text
    if isinstance(value, int):
        number = value.to_bytes((value.bit_length() + 7) // 8, "big")
        return _head(width, len(number)) + number
    if isinstance(value, list):
        return _head(11, len(value)) + b"".join(map(_packed, value))
    return _head(7, len(value)) + b"".join(_packed(name) + _packed(of) for name, of in value.items())


def _head(kind: int, size: int) -> bytes:
    low, rest = (size, b"") if size < 29 else (29, bytes([size - 29]))
    return bytes([(kind << 5 if kind < 8 else 0) | low, *([kind - 7] if kind >= 8 else [])]) + rest
