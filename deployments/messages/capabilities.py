"""From the options of a request to exactly what the ensemble is asked, with every name checked and every default
filled in.

Capabilities are what this cluster can do: its engines and what each can read, its profiles, its methods. Nothing here
knows HTTP or Serve.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from deployments.config.schema import ClusterConfig, Policy
from deployments.messages.request import ReadRequest, RecognitionOptions
from fusion import (
    SPELLING,
    Cascade,
    Method,
    Profile,
    Thresholds,
    automatic_profile,
    profiles_from_priors,
    tuned_document,
    with_prior_weights,
)
from ocr import EngineSpec, Scope
from ocr.contract import CharacterOptions, EnsembleOptions, TextOptions
from ocr.errors import OutOfRange
from ocr.image import Material
from ocr.text.languages import AUTO, DEFAULT, parsed
from ocr.text.normal_forms import forms
from segmentation.preprocessing import Pipeline

AUTO_PROFILE = "auto"
"""Names the profile that is another one on each line, by what kind of writing it is."""

STARTING_PREFIX = "starting_"
"""Begins the names of the hand-made profiles."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What this cluster can do, under one version of its configuration."""

    scopes: Mapping[str, frozenset[Scope]]
    priors: Mapping[str, Mapping[str, float]]
    profiles: Mapping[str, Profile]
    config: ClusterConfig
    version: int = 0

    @classmethod
    def of(cls, config: ClusterConfig, specs: Iterable[EngineSpec]) -> Capabilities:
        """From the configuration and the specs of its engines, in the configuration's order.

        Raises OutOfRange when a profile names an engine that is not configured, or the default profile does not exist.
        """
        specs = list(specs)
        priors = {spec.name: spec.prior_weights for spec in specs}
        return cls({spec.name: spec.scopes for spec in specs}, priors, {}, config).with_config(config, 0)

    def with_config(self, config: ClusterConfig, version: int) -> Capabilities:
        """The same cluster under another version of its configuration. Raises as `of` does."""
        thresholds = Thresholds(**config.thresholds.model_dump())
        profiles = self._built_in(config.tuned, thresholds)
        for name, weights in config.profiles.items():
            _require_known(weights, self._voters, "engine", f"profile '{name}' in the configuration")
            if not any(weights.values()):
                raise OutOfRange(f"all weights of profile '{name}' are zero", "give one engine a weight above zero")
            known = profiles.get(name, Profile(name, weights, thresholds))
            profiles[name] = known.with_weights(weights)
        profiles.setdefault(AUTO_PROFILE, automatic_profile(profiles, list(Material)))
        _require_known([config.profile], profiles, "profile", "the configuration")
        return Capabilities(self.scopes, self.priors, profiles, config, version)

    def _built_in(self, tuned: str, thresholds: Thresholds) -> dict[str, Profile]:
        """The profiles before the configuration's own. The hand-made ones have names of their own; where nothing was
        tuned for any of the engines, they have the plain names as well.
        """
        made = profiles_from_priors(self.priors, thresholds)
        starting = {
            f"{STARTING_PREFIX}{name}": replace(own, name=f"{STARTING_PREFIX}{name}") for name, own in made.items()
        }
        try:
            document = tuned_document(tuned, thresholds)
        except ValueError as error:
            raise OutOfRange(str(error), "set `tuned` to 'bundled', to 'none' or to the path of a document") from error
        if document is None or not document.covers(self.scopes):
            return made | starting
        return made | starting | {name: with_prior_weights(own, self.priors) for name, own in document.profiles.items()}

    @property
    def _voters(self) -> tuple[str, ...]:
        return (*self.scopes, SPELLING)

    def text_request(self, options: TextOptions, now: float) -> ReadRequest:
        if options.preprocess is not None:
            Pipeline.named(options.preprocess)  # refuses an unknown step before anything is sent
        languages = parsed(options.lang)
        finds = languages == (AUTO,)
        recognition = RecognitionOptions(languages=(DEFAULT,) if finds else languages)
        request = self._request(options, now, Scope.LINE, recognition, options.preprocess)
        return replace(
            request,
            finds_languages=finds,
            normal_forms=forms(options.normalize),
            cascade=self._cascade(options.policy, request.profile),
            illegible=options.illegible,
            regions=options.regions or (),
        )

    def character_request(self, options: CharacterOptions, now: float) -> ReadRequest:
        return self._request(options, now, Scope.CHARACTER, RecognitionOptions(classes=options.classes))

    def _request(
        self,
        options: EnsembleOptions,
        now: float,
        scope: Scope,
        recognition: RecognitionOptions,
        steps: tuple[str, ...] | None = None,
    ) -> ReadRequest:
        return ReadRequest(
            self._method(options.method),
            self._profile(options),
            self._engines(options.engines, scope),
            now + (options.timeout_s or self.config.limits.timeout_s),
            recognition,
            steps,
            options.explain,
            self.config.limits,
            self.version,
            self.config.circuit,
        )

    def _cascade(self, policy: str | None, profile: Profile) -> Cascade | None:
        if Policy(policy or self.config.policy) is Policy.ALL:
            return None
        if profile.cascade is None and policy is not None:
            raise OutOfRange(
                f"no cascade was tuned for profile '{profile.name}'", "ask for another profile, or for policy 'all'"
            )
        return profile.cascade

    def _method(self, name: str | None) -> Method:
        if name is None:
            return self.config.method
        _require_known([name], list(Method), "method", "the request")
        return Method(name)

    def _profile(self, options: EnsembleOptions) -> Profile:
        name = options.profile or self.config.profile
        _require_known([name], self.profiles, "profile", "the request")
        profile = self.profiles[name]
        if options.weights is None:
            return profile
        _require_known(options.weights, self._voters, "engine", "the weights of the request")
        if not any(options.weights.values()):
            raise OutOfRange("all weights of the request are zero", "give at least one engine a weight above zero")
        return profile.with_weights(options.weights)

    def _engines(self, names: tuple[str, ...] | None, scope: Scope) -> tuple[str, ...]:
        if names is not None:
            _require_known(names, self.scopes, "engine", "the request")
        chosen = tuple(
            name for name, scopes in self.scopes.items() if scope in scopes and (names is None or name in names)
        )
        if not chosen:
            raise OutOfRange(
                f"none of the engines asked for reads a {scope}: {', '.join(names or self.scopes)}",
                f"these do: {', '.join(name for name, scopes in self.scopes.items() if scope in scopes)}",
            )
        return chosen


def _require_known(names: Iterable[str], known: Iterable[str], what: str, where: str) -> None:
    known = [str(name) for name in known]
    for name in names:
        if name not in known:
            raise OutOfRange(f"unknown {what} '{name}' in {where}", f"known are {', '.join(known)}")
