"""The names of the backbones that need no download."""

from __future__ import annotations

BUILTIN = "builtin"
LITE0 = {f"lite0-{size}": size for size in (128, 160, 192, 224)}
"""The sizes of EfficientNet-Lite0 in pixels, by the name of the backbone."""
DEFAULT = "lite0-160"
"""The backbone that is used if no model is named and no memory demands another one."""
NAMES = ("default", BUILTIN, *LITE0)
"""All names; "default" is another name of DEFAULT."""
CHOICES = f"a .tflite file, or {', '.join(NAMES[:-1])} or {NAMES[-1]}"
"""What a user may give as a model, for help and descriptions."""
SPACES = {
    BUILTIN: "90a6eb135d5f85e66c4680a36ab846fdf8948aa6739107a037677a6f23ed132e",
    "lite0-128": "7c6c6bfc7cc466869c353c7cdcc788e04b746235c655b4538d4040f2b1c16c36",
    "lite0-160": "e8aaa5375863ced70f9a85b5bece9ea148f1f33b084c90aabc3cc0248e92a1f3",
    "lite0-192": "bfc8c797ce3a590d8ae0026e6b4ac0804d5d6a8b5c48fcd8de54401a0bee4300",
    "lite0-224": "edf56e24600644bc80b85120eda23208da08dd45f694bfa8cc039b81ccfc8fa8",
}
"""The embedding space of each backbone: the SHA-256 of its content, see `edge_cls.tflite.content`."""


def actual_name(name: str) -> str:
    """Return DEFAULT for "default", and every other name unchanged."""
    return DEFAULT if name == "default" else name


def name_of_space(space: str | None) -> str | None:
    """Return the name of the backbone whose embedding space is `space`; None if it is not one of these."""
    return next((name for name, known in SPACES.items() if known == space), None)
