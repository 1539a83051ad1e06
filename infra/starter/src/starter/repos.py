"""Where the starter's two repos live: on the Hub, and the model in the checkout."""

from pathlib import Path

DATASET_REPO = "starter/medmcqa-mini"
MODEL_REPO = "starter/qwen3-mini"
MODEL_FOLDER = Path(__file__).parents[2] / "qwen3-mini"
