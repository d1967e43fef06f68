#!/usr/bin/env python3
"""Fetches the two price sources from the Python package index and keeps what the catalogue is compiled from.

  python3 gateway/prices/fetch.py [GENAI_PRICES_VERSION LITELLM_VERSION]

Both are published as packages: genai-prices (history, times of day, batch and service tiers; MIT) and litellm (its map of prices:
service tiers, regions, speeds, the newest names; MIT). Written: sources/genai-prices.json and sources/litellm.json, numbers as
decimal text. Then: npm run generate, which compiles them into catalogue.json, or names each price on which they disagree and
which reviewed.json does not decide.
"""
import dataclasses
import datetime
import hashlib
import importlib
import json
import pathlib
import subprocess
import sys
import tempfile
import zipfile
from decimal import Decimal

here = pathlib.Path(__file__).parent
# Our vendor (as genai-prices calls it): litellm's names of the same, and what stands before its models' names there.
vendors = {
    "openai": (("openai", "text-completion-openai"), ""),
    "anthropic": (("anthropic",), ""),
    "azure": (("azure", "azure_ai"), "azure/"),
    "aws": (("bedrock", "bedrock_converse"), ""),
    "deepseek": (("deepseek",), "deepseek/"),
    "google": (("gemini",), "gemini/"),
    "groq": (("groq",), "groq/"),
    "mistral": (("mistral",), "mistral/"),
    "moonshotai": (("moonshot",), "moonshot/"),
    "openrouter": (("openrouter",), "openrouter/"),
    "together": (("together_ai",), "together_ai/"),
    "x-ai": (("xai",), "xai/"),
}


def fetched(name, version, folder):
    """Downloads and unpacks a package. Returns where it is, its version and its hash."""
    wanted = f"{name}=={version}" if version else name
    subprocess.run([sys.executable, "-m", "pip", "download", "--no-deps", "-q", "-d", folder, wanted], check=True)
    wheel = next(pathlib.Path(folder).glob(f"{name.replace('-', '_')}-*.whl"))
    target = pathlib.Path(folder, name)
    zipfile.ZipFile(wheel).extractall(target)
    return target, {"name": name, "version": wheel.name.split("-")[1], "sha256": hashlib.sha256(wheel.read_bytes()).hexdigest(), "day": datetime.date.today().isoformat()}


def plain(value):
    """A value of genai-prices as JSON; a clause or a price keeps the names of its fields."""
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, dict):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(inner) for inner in value]
    if dataclasses.is_dataclass(value) or hasattr(value, "__dict__"):
        return {key.rstrip("_"): plain(inner) for key, inner in vars(value).items() if inner is not None and not key.startswith("_")}
    return value


def genai_prices(folder, version):
    path, source = fetched("genai-prices", version, folder)
    sys.path.insert(0, str(path))
    providers = importlib.import_module("genai_prices.data").providers
    kept = {}
    for provider in providers:
        if provider.id not in vendors:
            continue
        models = [
            {key: one[key] for key in ("id", "match", "prices", "price_variants") if key in one}
            for one in map(plain, provider.models)
        ]
        kept[provider.id] = {"fallback": provider.fallback_model_providers or [], "models": models}
    return {"source": source, "vendors": kept}


def per_million(value):
    return format((Decimal(repr(value)) * 1_000_000).normalize(), "f")


def litellm(folder, version):
    path, source = fetched("litellm", version, folder)
    text = (path / "litellm/model_prices_and_context_window_backup.json").read_text()
    entries = json.loads(text)
    kept = {}
    for vendor, (names, prefix) in vendors.items():
        models = {}
        for name, entry in entries.items():
            if entry.get("litellm_provider") not in names or entry.get("mode") not in ("chat", "completion", "embedding", "responses"):
                continue
            prices = {
                key: per_million(value)
                for key, value in entry.items()
                if "token" in key and "cost" in key and isinstance(value, (int, float)) and not isinstance(value, bool)
            }
            if not prices:
                continue
            factors = {key: str(value) for key, value in entry.get("provider_specific_entry", {}).items() if isinstance(value, (int, float))}
            searches = {key: str(value) for key, value in entry.get("search_context_cost_per_query", {}).items()}
            models[name.removeprefix(prefix).lower()] = {
                "usdPerMillion": prices,
                **({"factors": factors} if factors else {}),
                **({"usdPerSearch": searches} if searches else {}),
            }
        kept[vendor] = models
    return {"source": source, "vendors": kept}


def main():
    genai, lite = (sys.argv[1:] + [None, None])[:2]
    with tempfile.TemporaryDirectory() as folder:
        for name, value in (("genai-prices", genai_prices(folder, genai)), ("litellm", litellm(folder, lite))):
            text = json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False)
            (here / "sources" / f"{name}.json").write_text(text + "\n")
            models = sum(len(one.get("models", one)) for one in value["vendors"].values())
            print(f"{value['source']['name']} {value['source']['version']}: {models} models")


main()
