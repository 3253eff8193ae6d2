"""Model directories: read for import, with a clear word about what is missing or too large."""

from pathlib import Path

from fourthwatch.errors import ModelRefused
from fourthwatch.limits import MODEL_BYTES_MAX
from fourthwatch.model.manifest import CARD_FILE, GOLDEN_FILE, MANIFEST_FILE, MODEL_FILE, ONNX_FILE, Package


def read_package(directory: Path) -> tuple[Package, bytes]:
    """The three files that make a model, and its card, if there is one; raises `ModelRefused`. Nothing is loaded."""
    body = directory / MODEL_FILE
    if not body.exists() and (directory / ONNX_FILE).exists():
        body = directory / ONNX_FILE
    files = [_read(path) for path in (directory / MANIFEST_FILE, body, directory / GOLDEN_FILE)]
    card = directory / CARD_FILE
    return Package(*files), _read(card) if card.exists() else b""


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > MODEL_BYTES_MAX:
            raise ModelRefused(f"{path}: more than {MODEL_BYTES_MAX:,} bytes")
        return path.read_bytes()
    except OSError as error:
        raise ModelRefused(f"{path}: cannot be read: {error.strerror}; a model is a directory with"
                           f" {MANIFEST_FILE}, {MODEL_FILE} (or {ONNX_FILE}) and {GOLDEN_FILE}") from error  # fmt: skip
