"""River's drift detectors behind one interface: safe to feed, exact to store, equal to River.

`Witness` is one detector profile watching one series. A detector of the user's own implements
`Detector` and is named by an entry point of the group `driftline.detectors`.
"""

from driftline.detectors import river_imports as _river_imports  # noqa: F401 - before River is

# isort: split
from driftline.detectors.protocol import Detector, DetectorFactory
from driftline.detectors.shield import DetectorError
from driftline.detectors.witness import Witness, warm_up_of
from driftline.detectors.witness_state import Detection

__all__ = ["Detection", "Detector", "DetectorError", "DetectorFactory", "Witness", "warm_up_of"]
