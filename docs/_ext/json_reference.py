"""The reference of the JSON documents: their shape in words, and the fields of the dataclasses in them."""

from __future__ import annotations

from typing import NamedTuple

from _ext import fields


class Document(NamedTuple):
    """What a command prints: its shape in Markdown, and the dataclasses (`package:Class`) whose fields are in it."""

    command: str
    shape: str
    parts: tuple[str, ...] = ()


DOCUMENTS = (
    Document(
        "dataset check",
        "`root`, `sound`, `photos`, `classes` (label: photos) and `findings`: a list of objects with "
        "`kind`, `message`, `files` and `suggested_label`.",
    ),
    Document(
        "quantize",
        "The fields of `Comparison`, `remedies` (the fields of `Remedy` and `kept`) and `layers`.",
        (
            "edge_cls_tools.quantization:Comparison",
            "edge_cls_tools.quantization:ClassComparison",
            "edge_cls_tools.quantization:Remedy",
            "edge_cls_tools.quantization:LayerNoise",
        ),
    ),
    Document(
        "evaluate",
        "The fields of `Evaluation`, `robustness` (with `--robustness`) and `comparison` (with `--compare`). "
        "`--report` writes the same as `evaluation.json`.",
        (
            "edge_cls_tools.evaluation:Evaluation",
            "edge_cls_tools.evaluation:ClassMetrics",
            "edge_cls_tools.evaluation:CoveragePoint",
            "edge_cls_tools.evaluation:Robustness",
            "edge_cls_tools.evaluation:CorruptionResult",
            "edge_cls_tools.evaluation:PairedComparison",
        ),
    ),
    Document(
        "fewshot",
        "`results`: a list of `FewShot`. With `--unknown`: `results` and, over the folders, `means`: lists of "
        "`OpenSetResult`.",
        (
            "edge_cls_tools.evaluation:FewShot",
            "edge_cls_tools.evaluation:OpenSetResult",
            "edge_cls_tools.evaluation:FarResult",
        ),
    ),
    Document(
        "models list",
        "`models`: a list of the entries of `models/registry.toml`, each with `default`, `path` and `here`: "
        "`shipped`, `built`, `fetched` or null.",
    ),
    Document(
        "edgetpu check",
        "`file`, `compiled`, `operators`, `mapped` and `verdicts`: a list of `Verdict`, each with `maps`.",
        ("edge_cls_tools.edgetpu:Verdict",),
    ),
    Document(
        "edgetpu compile",
        "`file`, `log`, `percent` and the fields of `LogSummary`.",
        ("edge_cls_tools.edgetpu:LogSummary", "edge_cls_tools.edgetpu:Row"),
    ),
    Document(
        "inspect",
        "The fields of `Inspection`. The manifest is described in [The model file](model-file.md).",
        ("edge_cls.model:Inspection", "edge_cls.model:TensorFacts"),
    ),
    Document(
        "import-model",
        "`file`, `maker`, `labels`, `width`, `height`, `color`, `mean`, `std`, `embedding` (its width, or "
        "null) and `edge_tpu`.",
    ),
    Document(
        "classify",
        "`photos`: a list with `file`, `predictions` (a list of `label` and `score`, the best first), "
        "`known`, `unknown`, `unsure` and `nearest` (as in the result of a frame, with `--memory`).",
    ),
    Document("memory list", "`classes`: a list with `label` and `examples`."),
    Document("memory show", "`examples`: a list with `id`, `label`, `taught_at` and `device`."),
    Document(
        "memory coach",
        "`head` (which head is used, and why), `classes` (a list of `Progress`), `conflicts` (a list of `Conflict`), "
        "`lacks_background` (whether the empty place should be taught, too), `complete` (whether the model that the "
        "memory was taught on was known) and `rates` (`Rates`, or null if `complete` is false or nothing was taught).",
        ("edge_cls.learning:Progress", "edge_cls.learning:Conflict", "edge_cls.learning:Rates"),
    ),
    Document(
        "memory why",
        "`photos`: a list with `file`, `label`, `score`, `known` (the probability that it shows a taught class), "
        "`unknown`, `reason` (one line for a person) and `nearest`: a list with `id`, `label`, `similarity` and "
        "`taught_at`.",
    ),
    Document("run", "One object per line: see [Messages of a run](#messages-of-a-run)."),
    Document("config show", "`file`, `settings` (as in the file) and `from` (where each setting comes from)."),
    Document("doctor", "`checks`: a list of `Check`. `level` is `OK`, `WARN` or `FAIL`.", ("edge_cls.doctor:Check",)),
    Document("service status", "The fields of `ServiceStatus`.", ("edge_cls.systemd:ServiceStatus",)),
    Document(
        "bench",
        "The fields of `Speed` and of `Footprint`, `examples`, `temperature_c` and `backbones_ms` (milliseconds per "
        "image by backbone, if no model is given, otherwise empty).",
        (
            "edge_cls.bench:Speed",
            "edge_cls.bench:Durations",
            "edge_cls.bench:Footprint",
        ),
    ),
)


def as_markdown() -> str:
    """Return a section for each document."""
    return "\n".join(
        f"## {document.command}\n\n{document.shape}\n\n{''.join(map(_part, document.parts))}" for document in DOCUMENTS
    )


def manifest() -> str:
    """Return the fields of `manifest.json`."""
    names = ("Manifest", "Preprocessing", "Calibration", "Training", "Quantized")
    return "".join(_part(f"edge_cls.core:{name}") for name in names)


def _part(name: str) -> str:
    return f"**{name.partition(':')[2]}.** {fields.as_markdown(name)}\n"
