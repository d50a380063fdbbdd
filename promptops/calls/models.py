"""From a written name to a Model or a Metric, checked before anything is spent."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from promptops import plugins
from promptops.calls.prices import read_prices, with_prices
from promptops.config import Settings
from promptops.errors import UnknownName, UsageError
from promptops.judges import Judge
from promptops.metrics import Metric
from promptops.prompts.files import read_prompt
from promptops.providers import Model, ProviderSettings
from promptops.types import MetricRecord, MetricSpec, Prompt

_NO_KEY = "not-needed-nobody-is-asked"


def open_model(
    name: str, settings: Settings, environment: Mapping[str, str], root: Path, *, keyless: bool = False
) -> Model:
    """Return the Model that `provider/model` stands for, with its prices; nothing is contacted yet.

    `keyless` is for whoever never asks it, but must know where it would be reached: it needs no key
    and no certificate then.
    """
    provider, own, kind = _split(name, settings)
    chosen = plugins.find("providers", kind, Model)  # type: ignore[type-abstract]
    given = settings.providers.get(provider, ProviderSettings())
    if keyless:
        variable = given.api_key_env or chosen.key_variable
        environment = {**environment, **({variable: _NO_KEY} if variable else {})}
        given = given.model_copy(update={"ca_file": None})
    model = chosen(own, given, environment, root)
    model.settings = with_prices(model.settings, name, model.origin, read_prices(root))
    return model


def key_variables(settings: Settings) -> set[str]:
    """Return the environment variables that hold keys of providers, in use or not."""
    kinds = plugins.names("providers")
    known = {plugins.find("providers", kind, Model).key_variable for kind in kinds}  # type: ignore[type-abstract]
    named = {given.api_key_env for given in settings.providers.values()}
    return {name for name in (*known, *named) if name}


def refuse_unlisted_model(name: str, settings: Settings, where: str) -> None:
    """Raise UsageError where a file names a model that runs code and the settings don't list it."""
    kind = _split(name, settings)[2]
    runs_code = plugins.find("providers", kind, Model).runs_code  # type: ignore[type-abstract]
    if runs_code and name not in {*settings.allow_code, settings.model, settings.judge_model}:
        raise UsageError(
            f"{where} names the model {name!r}, which runs code of yours; files are data and may not do that "
            f"by themselves. Give it by --model, or list it in promptops.toml: allow_code = [{name!r}]"
        )


def refuse_unlisted_metric(spec: MetricSpec, settings: Settings) -> None:
    """Raise UsageError where an evaluation set names a class of yours and the settings don't list it."""
    if ":" in spec.metric and spec.metric not in settings.allow_code:
        raise UsageError(
            f"[metrics.{spec.label}] names {spec.metric!r}, which runs code of yours; sets are data "
            f"and may not do that by themselves. List it in promptops.toml: allow_code = [{spec.metric!r}]"
        )


def stands_in(name: str, settings: Settings) -> bool:
    """Tell whether a model only stands in for an LLM."""
    return model_traits(name, settings).stand_in


def model_traits(name: str, settings: Settings) -> type[Model]:
    """Return the class of a model, which says what it needs; the model itself is not opened."""
    return plugins.find("providers", _split(name, settings)[2], Model)  # type: ignore[type-abstract]


def build_metric(
    spec: MetricSpec, *, folder: Path, language: str, judge_model: str | None, settings: Settings
) -> Metric:
    """Return the metric that an evaluation set asks for, with language, judge model and prompt filled in.

    Raises UsageError that names the label and option, or UnknownName.
    """
    filling = _Filling(folder, language, judge_model, settings)
    return _validated(_metric_class(spec.metric), filling.filled(spec), spec.label)


@dataclass(frozen=True)
class _Filling:
    """What a set's folder and the settings add to the options of its metrics."""

    folder: Path
    language: str
    judge_model: str | None
    settings: Settings

    def filled(self, spec: MetricSpec) -> dict[str, object]:
        """Return a metric's options with language, judge model and prompts."""
        chosen = _metric_class(spec.metric)
        options: dict[str, object] = dict(spec.options)
        if "language" in chosen.model_fields and "language" not in options:
            options["language"] = self.language
        if not issubclass(chosen, Judge):
            return options
        if chosen.members is not None:
            usual = options.pop("model", None)
            return {**options, chosen.members: self._members(spec, chosen.members, usual)}
        return {**options, **self._asked(spec, chosen)}

    def _asked(self, spec: MetricSpec, chosen: type[Judge]) -> dict[str, object]:
        """Return whom a judge asks, and by which prompts."""
        options, settings = spec.options, self.settings
        model = self.judge_model or options.get("model") or settings.judge_model
        if model and model == options.get("model"):
            refuse_unlisted_model(str(model), settings, f"[metrics.{spec.label}]")
        if not isinstance(model, str) or not model:
            raise UsageError(
                f"The judge {spec.label!r} has no model. Name one by --judge-model, by `judge_model` in the "
                f"settings, or by `model` under [metrics.{spec.label}]."
            )
        files = {"prompt": chosen.prompt_file, **chosen.more_prompts}
        prompts = {
            name: _judge_prompt(chosen, file, options.get(name), self.folder) for name, file in files.items()
        }
        return {"model": model, "stand_in": stands_in(model, settings), **prompts}

    def _members(self, spec: MetricSpec, option: str, model: object) -> dict[str, object]:
        """Return the judges that a judge has, each with its options filled in, as JSON.

        `model` is what those ask that name none.
        """
        written = spec.options.get(option)
        if not isinstance(written, dict) or not written:
            raise UsageError(
                f"[metrics.{spec.label}] names no judges. Write a table for each: "
                f'[metrics.{spec.label}.{option}.NAME] with metric = "rubric" or another kind.'
            )
        found: dict[str, object] = {}
        for name, options in written.items():
            label = f"{spec.label}.{option}.{name}"
            kind = options.get("metric") if isinstance(options, dict) else None
            if not isinstance(options, dict) or not isinstance(kind, str):
                raise UsageError(f'[metrics.{label}] must be a table with its kind, as in metric = "rubric".')
            own = {key: value for key, value in options.items() if key != "metric"}
            usual = {"model": model} if isinstance(model, str) else {}
            member = MetricSpec(label=label, metric=kind, options={**usual, **own})
            refuse_unlisted_metric(member, self.settings)
            if not issubclass(_metric_class(kind), Judge):
                raise UsageError(f"[metrics.{label}] asks no model, so that it is no judge: {kind}.")
            filled = self.filled(member)
            found[name] = {"metric": kind, **{key: _plain(value) for key, value in filled.items()}}
        return found


def rebuild_metric(record: MetricRecord) -> Metric:
    """Return the metric that a run used; raises UsageError where it no longer means the same."""
    metric = remade_metric(record)
    if metric.signature != record.signature:
        raise UsageError(
            f"The metric {record.label!r} of this run can't be made again: it was\n  {record.signature}\n"
            f"and is now\n  {metric.signature}\nScore the run anew with `promptops score`."
        )
    return metric


def remade_metric(record: MetricRecord) -> Metric:
    """Return the metric that a run used as it is now, whether it still means the same or not."""
    metric = _validated(_metric_class(record.metric), dict(record.options), record.label)
    if isinstance(metric, Judge) and metric.signature != record.signature:
        return metric.ordered_as(record.signature)
    return metric


def is_judge(spec: MetricSpec) -> bool:
    """Tell whether a metric asks a model. Raises UsageError where it can't be found."""
    return issubclass(_metric_class(spec.metric), Judge)


def is_pairwise(spec: MetricSpec) -> bool:
    """Tell whether a metric compares two outputs, so that it is no part of a run."""
    name = spec.metric
    if ":" not in name and (plugins.exists("metrics", name) or not plugins.exists("judges", name)):
        return False
    chosen = _metric_class(name)
    return issubclass(chosen, Judge) and chosen.pairs


def _metric_class(name: str) -> type[Metric]:
    if ":" in name or plugins.exists("metrics", name):
        return plugins.find("metrics", name, Metric)  # type: ignore[type-abstract]
    if plugins.exists("judges", name):
        return plugins.find("judges", name, Judge)  # type: ignore[type-abstract]
    known = (*plugins.names("metrics"), *plugins.names("judges"))
    raise UnknownName("metric", name, known, hint="`promptops plugins` lists them.")


def _judge_prompt(
    chosen: type[Judge], shipped: str, written: object, folder: Path
) -> Prompt | dict[str, object]:
    if isinstance(written, dict):
        return written
    if isinstance(written, str):
        return read_prompt(_inside(folder, written))
    return read_prompt(Path(inspect.getfile(chosen)).parent / shipped)


def shipped_prompt(kind: str, option: str = "prompt") -> str:
    """Return the text of a shipped judge's prompt file, by the option that takes another in its place.

    Raises UnknownName for no kind or option of its, and UsageError for a kind that has no prompt of its own.
    """
    chosen = plugins.find("judges", kind, Judge)  # type: ignore[type-abstract]
    if not chosen.prompt_file:
        raise UsageError(f"A {kind} has no prompt of its own: each of its judges has one.")
    files = {"prompt": chosen.prompt_file, **chosen.more_prompts}
    if option not in files:
        raise UnknownName(f"prompt of {kind}", option, files)
    return (Path(inspect.getfile(chosen)).parent / files[option]).read_text("utf-8")


def _plain(value: object) -> object:
    return value.model_dump(mode="json", exclude_defaults=True) if isinstance(value, Prompt) else value


def _inside(folder: Path, written: str) -> Path:
    """Return a file of an evaluation set; a set may not read what lies elsewhere."""
    path = (folder / written).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise UsageError(f"The judge's prompt {written!r} lies outside its evaluation set {folder.name!r}.")
    return path


def _validated(chosen: type[Metric], options: Mapping[str, object], label: str) -> Metric:
    try:
        return chosen.model_validate(options)
    except ValidationError as error:
        known = sorted(set(chosen.model_fields) - {"stand_in"})
        told = [
            f"{'.'.join(map(str, fault['loc'])) or 'options'}: {fault['msg'].removeprefix('Value error, ')}"
            for fault in error.errors()
        ]
        raise UsageError(
            f"[metrics.{label}] {'; '.join(told)}. "
            f"{chosen.__name__} takes: {', '.join(known) or 'no option'}."
        ) from None


def _split(name: str, settings: Settings) -> tuple[str, str, str]:
    provider, slash, own = name.partition("/")
    if not slash or not own:
        known = sorted({*plugins.names("providers"), *settings.providers})
        raise UsageError(
            f"{name!r} is no model name. Write it as provider/model, for example openai/gpt-4o-mini; "
            f"providers: {', '.join(known)}."
        )
    given = settings.providers.get(provider)
    kind = (given.kind if given else None) or provider
    if ":" not in kind and not plugins.exists("providers", kind):
        if given is not None and given.kind is None:
            raise UsageError(
                f'[providers.{provider}] has no `kind`, write kind = "openai" for '
                f"a server of the OpenAI API. There is: {', '.join(sorted(plugins.names('providers')))}."
            )
        yours = sorted(settings.providers) if kind == provider else []
        hint = f"Of your own there is: {', '.join(yours)}." if yours else ""
        raise UnknownName("provider", kind, {*plugins.names("providers"), *yours}, hint=hint)
    return provider, own, kind
