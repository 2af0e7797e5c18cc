"""The shipped embedder: near enough to the official model, nothing cut silently, nothing in the loop's way."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from embedder_kit.fidelity import LEAST, LEAST_MEAN
from embedder_kit.texts import LONG, TEXTS
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from isartor_addon.core.errors import EmbedderError
from isartor_addon.models import shipped
from isartor_addon.models.onnx_embedder import THREADS, OnnxEmbedder
from isartor_addon.models.pool import MOST_WAITING
from isartor_addon.models.reading import MOST_CHARACTERS, MOST_WINDOWS, WINDOW, Reader

REFERENCE = Path(__file__).with_name("reference.npy")
"""The official model's vectors of `TEXTS`; `scripts/build_embedder --reference` wrote them."""
BEGIN, END = 101, 102


@pytest.fixture(scope="module")
def embedder():
    made = OnnxEmbedder()
    yield made
    made.close()


@pytest.fixture(scope="module")
def tokenizer():
    return Tokenizer.from_file(str(shipped.FOLDER / shipped.TOKENIZER))


def embed(embedder, *texts):
    return np.array(asyncio.run(embedder.embed(texts)))


def test_the_runtime_reports_to_nobody(tmp_path):
    """Loaded and used, it leaves no identifier, and no reports that wait to be sent, in the user's home."""
    use = """
import asyncio
from isartor_addon.models.onnx_embedder import OnnxEmbedder
made = OnnxEmbedder()
asyncio.run(made.embed(["a question"]))
made.close()
"""
    # Where it knows a build machine, it is silent by itself.
    silent = ("CI", "GITHUB_ACTIONS", "TF_BUILD", "PYTEST_CURRENT_TEST", "ORT_DISABLE_TELEMETRY")
    environment = {name: value for name, value in os.environ.items() if name not in silent}
    environment |= {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    subprocess.run([sys.executable, "-c", use], env=environment, check=True)
    assert list(tmp_path.rglob("*")) == []


def test_the_files_are_those_that_are_named():
    """What lies in the package has the hashes that the build script checks and the embedder's id names."""
    digests = [sha256((shipped.FOLDER / name).read_bytes()).hexdigest() for name in (shipped.MODEL, shipped.TOKENIZER)]
    assert [shipped.MODEL_SHA256, shipped.TOKENIZER_SHA256] == digests
    assert all(digest in (shipped.FOLDER / "NOTICE").read_text() for digest in digests)
    assert "Apache License" in (shipped.FOLDER / "LICENSE").read_text()


def test_near_the_official_model(embedder):
    """Each text's vector is that of the official model in float64, but for what 8 bits cost."""
    cosines = (embed(embedder, *TEXTS) * np.load(REFERENCE).astype(np.float64)).sum(axis=1)
    assert cosines.min() >= LEAST, TEXTS[cosines.argmin()]
    assert cosines.mean() >= LEAST_MEAN


def test_the_figures_that_its_makers_publish(embedder):
    """The similarities that sentence-transformers' documentation shows for this model come out."""
    vectors = embed(embedder, "The weather is lovely today.", "It's so sunny outside!", "He drove to the stadium.")
    published = np.array([[1.0, 0.6660, 0.1046], [0.6660, 1.0, 0.1411], [0.1046, 0.1411, 1.0]])
    assert np.abs(vectors @ vectors.T - published).max() < 0.01


def test_a_vector_is_the_text_alone(embedder):
    """Unit length, the same bits again, and whatever else is embedded beside it."""
    together = embed(embedder, "What is a mutex?", LONG, "hi")
    assert np.allclose(1.0, np.linalg.norm(together, axis=1), atol=1e-6)
    for place, text in enumerate(("What is a mutex?", LONG, "hi")):
        assert np.array_equal(together[place], embed(embedder, text)[0])


@settings(max_examples=60)
@given(
    words=st.lists(st.sampled_from(["cache", "unbelievably", "HTTP/2", "x_y", "4.2", "naïve", "[SEP]"]), max_size=600)
)
def test_every_token_stands_in_one_window(tokenizer, words):
    """Windows hold all tokens in order, each with the marks around it, none longer than the model reads."""
    text = " ".join(words)
    reader = Reader(tokenizer)
    ids = tokenizer.encode(text, add_special_tokens=False).ids
    if len(ids) > MOST_WINDOWS * WINDOW or len(text) > MOST_CHARACTERS:
        with pytest.raises(EmbedderError, match="too long"):
            reader.windows(text)
        return
    windows = reader.windows(text)
    assert ids == [each for window in windows for each in window[1:-1]]
    assert all(BEGIN == window[0] and END == window[-1] and len(window) <= 256 for window in windows)
    lengths = [len(window) for window in windows]
    assert max(lengths) - min(lengths) <= 1
    assert len(windows) == max(1, -(-len(ids) // WINDOW))


@pytest.mark.parametrize(("repeats", "windows"), [(20, 1), (100, 2), (250, 4), (260, 0), (4000, 0)])
def test_long_texts_are_read_to_their_end_or_not_at_all(embedder, repeats, windows):
    """The last word counts at every length that is embedded; `windows` says in how many pieces, and 0 for too long."""
    text = "read the file again " * repeats
    assert windows == asyncio.run(embedder.windows(text))
    if not windows:
        with pytest.raises(EmbedderError, match="too long"):
            embed(embedder, text)
        return
    one, other = embed(embedder, text + "carefully", text + "never")
    assert 0.9 < one @ other < 0.99999


@pytest.mark.parametrize("text", ["如何读取文件", "thanks ✅", "x" * 101, "what does [UNK] mean"])
def test_what_the_model_cannot_read_is_not_embedded(embedder, text):
    """Two texts that differ only in unknown words would have the same vector."""
    with pytest.raises(EmbedderError, match="does not know"):
        embed(embedder, text)
    assert 0 == asyncio.run(embedder.windows(text))


def test_nothing_heavy_before_it_is_asked():
    """Making an embedder, and its id, import no onnxruntime, numpy or tokenizers."""
    code = (
        "import sys; from isartor_addon.models.onnx_embedder import OnnxEmbedder; OnnxEmbedder().id;"
        "print([name for name in ('onnxruntime', 'numpy', 'tokenizers', 'faiss', 'httpx2') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert "[]\n" == done.stdout


def test_the_loop_goes_on(embedder):
    """While texts are embedded, the event loop runs other tasks."""

    async def run():
        ticks = 0
        task = asyncio.ensure_future(embedder.embed([LONG] * 10))
        while not task.done():
            await asyncio.sleep(0)
            ticks += 1
        return ticks, len(task.result())

    ticks, count = asyncio.run(run())
    assert 10 == count
    assert ticks > 10


def test_too_many_at_once_are_turned_away(embedder):
    """Beyond the bound a call fails at once; all others are answered, and so are later ones."""

    async def run():
        calls = [embedder.embed(["hi"]) for _ in range(THREADS + MOST_WAITING + 5)]
        return await asyncio.gather(*calls, return_exceptions=True)

    ends = asyncio.run(run())
    failed = [end for end in ends if isinstance(end, EmbedderError)]
    assert 5 == len(failed) == sum("too many" in str(end) for end in failed)
    assert (1, 384) == embed(embedder, "hi").shape


def test_files_of_others_are_not_used(tmp_path, caplog):
    """A damaged model is refused with one warning, and asking again does not read it again."""
    shutil.copytree(shipped.FOLDER, tmp_path / "minilm")
    with (tmp_path / "minilm" / shipped.MODEL).open("r+b") as file:
        file.seek(1_000_000)
        file.write(b"\0\1\2\3")
    broken = OnnxEmbedder(tmp_path / "minilm")
    for _ in range(2):
        with pytest.raises(EmbedderError, match="not those that were shipped"):
            embed(broken, "hi")
    assert 1 == len(caplog.records)
    broken.close()


def test_missing_files_and_closing(tmp_path):
    """Files that are not there, and an embedder that is closed, are `EmbedderError` like everything else."""
    missing = OnnxEmbedder(tmp_path)
    with pytest.raises(EmbedderError, match="cannot be read"):
        asyncio.run(missing.load())
    missing.close()
    with pytest.raises(EmbedderError, match="closed"):
        embed(missing, "hi")
