"""Which engine drives which kind of detector."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from driftline.config import profiles
from driftline.detectors.adwin import AdwinEngine
from driftline.detectors.custom import CustomEngine
from driftline.detectors.ddm import DdmCodec
from driftline.detectors.eddm import EddmCodec
from driftline.detectors.fhddm import FhddmCodec
from driftline.detectors.hddm_a import HddmACodec
from driftline.detectors.hddm_w import HddmWCodec
from driftline.detectors.kswin import KswinCodec
from driftline.detectors.page_hinkley import PageHinkleyCodec
from driftline.detectors.river_engine import RiverEngine

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from driftline.detectors.protocol import Engine

# Each codec takes the spec it stands beside, which a mapping's type cannot say.
_CODECS: Final[Mapping[type, Callable[[Any], Any]]] = {
    profiles.PageHinkleySpec: PageHinkleyCodec,
    profiles.KswinSpec: KswinCodec,
    profiles.DdmSpec: DdmCodec,
    profiles.EddmSpec: EddmCodec,
    profiles.HddmASpec: HddmACodec,
    profiles.HddmWSpec: HddmWCodec,
    profiles.FhddmSpec: FhddmCodec,
}


def build_engine(spec: profiles.DetectorSpec) -> Engine:
    """A new engine for the declared detector."""
    if isinstance(spec, profiles.AdwinSpec):
        return AdwinEngine(spec)
    if isinstance(spec, profiles.CustomSpec):
        return CustomEngine(spec)
    return RiverEngine(_CODECS[type(spec)](spec))
