"""`dir info` in words."""

from collections.abc import Iterator, Mapping
from typing import Any


def lines(facts: Mapping[str, Any]) -> Iterator[str]:
    """All about one dataset, or one manifest that is curated here under another name."""
    sizes = " / ".join(f"{facts['rows'][part]:,}" for part in ("train", "val", "test"))
    if facts["name"] != facts["dataset"]:
        yield from _of_manifest(facts, sizes)
        return
    seed = facts["published_seed"]
    draw = f"seed {seed} over the published row order" if seed else "unseeded: can only be imported"
    draw = f"{facts['unreleased']}: every split is a redraw" if facts["unreleased"] else draw
    yield f"{facts['title']} ({facts['name']})"
    unit, of, whole = facts["unit"].partition(" of ")
    yield f"  target    {facts['target']}, in {unit}s{of}{whole}, {facts['bins']} bins"
    yield f"  rows      {sizes} (train / val / test)"
    for protocol, rule in facts["regions"].items():
        yield f"  {protocol:<9} many {rule['many']} training samples per bin, few {rule['few']}, else medium"
    yield f"  draw      {draw}"
    yield f"  licence   {facts['licence']}"
    yield f"  home      {facts['homepage']}"
    yield f"  curated   {facts['origin'] if facts['curated'] else 'no'}"
    yield f"  raw files {facts['raw_folder']}"
    for source in facts["sources"]:
        size = f"{source['bytes']:,} bytes" if source["bytes"] else "size not known"
        here = "here" if source["here"] else "not here"
        yield f"    {source['file']}: {source['holds']}, {size}, {source['digest'] or 'no hash known'}, {here}"
    for shelf in facts["catalogue"]:
        yield f"    {shelf['files']}: {shelf['holds']}, size and md5 as {shelf['listed']} lists them"
    yield "  how to obtain it"
    for number, step in enumerate(facts["obtain"], 1):
        yield f"    {number}. {step}"
    if facts["variants"]:
        yield "  other splits in use under this name, which `dir identify` tells"
    for variant in facts["variants"]:
        how = f"; made by --variant {variant['name']}" if variant["makeable"] else ""
        yield f"    {variant['name']}: {variant['title']}{'; ' if variant['note'] else ''}{variant['note']}{how}"
    yield "  cite"
    yield from (f"    {line}" for line in facts["bibtex"].splitlines())


def _of_manifest(facts: Mapping[str, Any], sizes: str) -> Iterator[str]:
    """All about a manifest of a table, or of a benchmark otherwise made; what it came from, and on which terms."""
    unit = f", in {facts['unit']}s" if facts["unit"] else ""
    yield f"{facts['name']} ({facts['title']}, {facts['origin']})"
    yield f"  target    {facts['target']}{unit}, {facts['bins']} bins"
    yield f"  rows      {sizes} (train / val / test)"
    for rule in {tuple(rule.items()): rule for rule in facts["regions"].values()}.values():
        yield f"  regions   many {rule['many']} training samples per bin, few {rule['few']}, else medium"
    if facts["seed"] is not None:
        yield f"  seed      {facts['seed']}"
    yield f"  content   {facts['content']}"
    yield from (f"  licence   {facts['licence']}" for _ in range(facts["licence"] is not None))
    for source in facts["sources"] if facts["licence"] is None else ():
        yield f"  made of   {source['file']}, {source['digest']}"
    yield from (f"  note      {note}" for note in facts["notes"])
    if facts["bibtex"]:
        yield "  cite"
        yield from (f"    {line}" for line in facts["bibtex"].splitlines())
