"""TensorFlow with the threads and the share of the card that an engine was given. It is imported when it is asked."""

from __future__ import annotations

from dataclasses import dataclass

from engines.devices.gpu import REMEDY, memory_limit_bytes, process_memory_bytes
from ocr.errors import EngineUnavailable
from ocr.interfaces import LoadOptions
from ocr.runtime.gpu_memory import CardMemory


def prepare(engine: str, options: LoadOptions) -> None:
    """Threads on a CPU; on a card no more memory than the fraction. TensorFlow takes neither once it has started.

    Raises EngineUnavailable when on "cuda" there is no card, or TensorFlow has started without the limit.
    """
    import tensorflow as tf

    if options.device == "cuda":
        TENSORFLOW.require()
    try:
        tf.config.threading.set_intra_op_parallelism_threads(options.threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)
        if options.device == "cpu":
            tf.config.set_visible_devices([], "GPU")
        elif options.gpu_fraction > 0.0:
            limit_mib = memory_limit_bytes(options.gpu_fraction) // 2**20
            first = tf.config.list_physical_devices("GPU")[0]
            limited = tf.config.LogicalDeviceConfiguration(memory_limit=limit_mib)
            tf.config.set_logical_device_configuration(first, [limited])
    except RuntimeError as error:
        # Started by somebody else in this process: its threads stay as they are, but a card must not be taken whole.
        if options.device != "cpu" or not _has_started(error):
            raise EngineUnavailable(f"{engine}: {error}", "load this engine in a process of its own") from error


def _has_started(error: RuntimeError) -> bool:
    return "after initialization" in str(error) or "have been initialized" in str(error)


@dataclass(frozen=True, slots=True)
class TensorFlowCard:
    """The first card that TensorFlow sees. A logical device with a limit takes all of it at once, and never more."""

    framework: str = "tensorflow"

    def require(self) -> None:
        try:
            import tensorflow as tf
        except ImportError as error:
            raise EngineUnavailable(
                f"TensorFlow is not installed: {error}", "cluster/gpu/tensorflow.txt has it"
            ) from error
        if not tf.config.list_physical_devices("GPU"):
            raise EngineUnavailable(f"TensorFlow {tf.__version__} sees no GPU on this node", REMEDY)

    def memory(self, fraction: float) -> CardMemory:
        import tensorflow as tf

        limit = memory_limit_bytes(fraction)
        used = tf.config.experimental.get_memory_info("GPU:0")["current"]
        return CardMemory(self.framework, limit, used, limit, process_memory_bytes())


TENSORFLOW = TensorFlowCard()
