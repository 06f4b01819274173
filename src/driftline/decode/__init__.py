"""Records of attached topics become columns; what cannot is refused one record at a time."""

from driftline.decode.codes import AsideCode, RejectCode
from driftline.decode.decoder import Decoder, build_decoder
from driftline.decode.records import Decoded, Record, Reject

__all__ = ["AsideCode", "Decoded", "Decoder", "Record", "Reject", "RejectCode", "build_decoder"]
