"""What a million tokens of a model cost: the project's own table, then the one that is shipped."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import Field, ValidationError

from promptops.errors import FileProblems
from promptops.files.located import Faults, kind_of, shown
from promptops.files.textfile import file_name
from promptops.files.tomlfile import read_toml
from promptops.noun import Noun
from promptops.providers import ProviderSettings

OWN_TABLE = "prices.toml"
"""The project's table, beside its settings."""
SHIPPED_TABLE = Path(__file__).with_name("prices.toml")
FORMAT = 1
_KEYS = ("format", "price")


class ListPrice(Noun):
    """US dollars for a million tokens of some models, and where that is written."""

    model: tuple[str, ...] = Field(min_length=1)
    """Patterns of provider/model with * and ?; the first entry that fits counts."""
    server: str | None = None
    """The host (with a port, if it names one) that must answer; None where it holds wherever it is asked."""
    price_in: float = Field(ge=0, allow_inf_nan=False)
    price_out: float = Field(ge=0, allow_inf_nan=False)
    price_cached_in: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    """For tokens that the server had read before; None where they cost as much as others."""
    batch_share: float | None = Field(default=None, ge=0, le=1, allow_inf_nan=False)
    """The share of these prices that answers in a batch cost; None where that is unknown."""
    batch_cached_in: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    """For tokens that the server had read before, in a batch; None: their share of `price_cached_in`."""
    as_of: str = ""
    """The day up to which it is known to have been published."""
    source: str = ""
    """The file, or the settings' table, in which it stands."""

    def fits(self, name: str, origin: str) -> bool:
        """Tell whether this is the price of `provider/model` where answers come from `origin`."""
        if not any(fnmatchcase(name, pattern) for pattern in self.model):
            return False
        parts = urlsplit(origin)
        return self.server is None or self.server.lower() in (parts.hostname, parts.netloc.lower())


def read_prices(root: Path) -> tuple[ListPrice, ...]:
    """Return the project's prices, then the shipped ones. Raises FileProblems for a faulty table."""
    own = root / OWN_TABLE
    mine = _table(own, OWN_TABLE) if own.exists() or own.is_symlink() else ()
    return (*mine, *_table(SHIPPED_TABLE, "promptops"))


def with_prices(
    settings: ProviderSettings, name: str, origin: str, prices: Iterable[ListPrice]
) -> ProviderSettings:
    """Return a provider's settings with the prices of one model, unless they name their own.

    Unknown prices stay None. Nobody's list price is taken for a tier of service that the settings ask for.
    """
    found = price_of_model(settings, name, origin, prices)
    if found is None or settings.price_in is not None or settings.price_out is not None:
        return settings
    update = {key: getattr(found, key) for key in ("price_in", "price_out", "price_cached_in")}
    if settings.batch_share is None:
        update |= {"batch_share": found.batch_share, "batch_cached_in": found.batch_cached_in}
    return settings.model_copy(update=update)


def batch_priced(settings: ProviderSettings) -> ProviderSettings:
    """Return a provider's settings with the prices of a batch; what is unknown stays so."""
    prices = {key: getattr(settings, key) for key in ("price_in", "price_out", "price_cached_in")}
    share = settings.batch_share
    if share is None and any(prices.values()):
        return settings.model_copy(update=dict.fromkeys(prices))
    shares = {key: None if each is None else each * (share or 0.0) for key, each in prices.items()}
    if settings.batch_cached_in is not None:
        shares["price_cached_in"] = settings.batch_cached_in
    return settings.model_copy(update=shares)


def price_of_model(
    settings: ProviderSettings, name: str, origin: str, prices: Iterable[ListPrice]
) -> ListPrice | None:
    """Return what counts for one model: its provider's own prices, else the first entry that fits."""
    if settings.price_in is not None or settings.price_out is not None:
        if settings.price_in is None or settings.price_out is None:
            return None
        own = {"price_in": settings.price_in, "price_out": settings.price_out}
        return ListPrice(
            model=(name,),
            **own,
            price_cached_in=settings.price_cached_in,
            batch_share=settings.batch_share,
            batch_cached_in=settings.batch_cached_in,
            source=f"[providers.{name.partition('/')[0]}]",
        )
    other_tier = settings.body.get("service_tier") not in (None, "default")
    fitting = (price for price in prices if price.fits(name, origin))
    return next((price for price in fitting if not (other_tier and price.source == "promptops")), None)


def _table(path: Path, source: str) -> tuple[ListPrice, ...]:
    located = read_toml(path)
    faults = Faults(file_name(path), located)
    table = located.value if isinstance(located.value, dict) else {}
    faults.unknown_keys((), table, _KEYS)
    if table.get("format") != FORMAT or isinstance(table.get("format"), bool):
        faults.add(("format",), f"must be {FORMAT}: write `format = {FORMAT}` at the top")
    rows = table.get("price", [])
    if not isinstance(rows, list):
        faults.add(("price",), f"must be [[price]] tables, not {kind_of(rows)}")
        rows = []
    found: list[ListPrice] = []
    known = tuple(key for key in ListPrice.model_fields if key != "source")
    for number, row in enumerate(rows):
        if not isinstance(row, dict):
            faults.add(("price", number), f"must be a table, not {kind_of(row)}")
            continue
        faults.unknown_keys(("price", number), row, known)
        pattern = row.get("model")
        if isinstance(pattern, str):
            row = {**row, "model": [pattern]}  # noqa: PLW2901 - one pattern is a list of one
        try:
            price = ListPrice.model_validate({key: row[key] for key in known if key in row})
        except ValidationError as error:
            for fault in error.errors():
                told = (
                    "is missing" if fault["type"] == "missing" else f"{fault['msg']}: {shown(fault['input'])}"
                )
                faults.add(("price", number, *fault["loc"][:1]), told)
            continue
        wrong = [each for each in price.model if "/" not in each]
        if wrong:
            advice = "write it as provider/model, for example openai/gpt-4o-mini or local/*"
            faults.add(("price", number, "model"), f"{shown(wrong[0])} is no model name; {advice}")
        found.append(price.model_copy(update={"source": source}))
    if faults.problems:
        raise FileProblems(faults.problems)
    return tuple(found)
