"""What an exception says about its cause: memory, the GPU, a lost process, native code.

torch and the libraries below it raise most of their errors as ``RuntimeError``, so their text is all there is
to tell them by. Types are matched by name, because this module must import neither torch nor Ray.
"""

import errno
import re
from collections.abc import Iterable, Iterator

# Words of memory that ran out, on a CPU or a GPU. torch: "CUDA out of memory. Tried to allocate",
# "CUDA error: out of memory", "DefaultCPUAllocator: can't allocate memory" ("not enough memory" on Windows).
_MEMORY = re.compile(
    r"out of memory|DefaultCPUAllocator|can't allocate memory|cannot allocate memory|std::bad_alloc"
    r"|\w+_STATUS_ALLOC_FAILED|insufficient shared memory|unable to allocate .* for an array",
    re.I,
)
_MEMORY_NAMES = {"OutOfMemoryError", "MemoryError"}

# Words of a GPU, its driver or its libraries. After such an error the process can't use the GPU any more.
_DEVICE = re.compile(
    r"\b(CUDA|HIP|ROCm|MPS) (driver )?(error|kernel|failure)|\bcuda(Error|GetDevice|Malloc|Memcpy|Launch)\w*"
    r"|\bCUDA_ERROR_\w+|\bcu(DNN|BLAS|SPARSE|SOLVER|FFT)(Lt)?[ _]?(error|status)|\bCU\w+_STATUS_\w+"
    r"|\b(NCCL|RCCL)\b|nccl\w+Error|uncorrectable ECC|\bECC error|\bXid\b|NVLink|\bNVML\b"
    r"|device-side assert|illegal memory access|unspecified launch failure|GPU is lost|fallen off the bus"
    r"|no CUDA-capable device|Found no NVIDIA driver|CUDA unknown error|CUDA initialization",
    re.I,
)
_DEVICE_NAMES = {"AcceleratorError", "DistBackendError", "DeferredCudaCallError"}

# Words of native code that is in a state that it doesn't know itself.
_NATIVE = re.compile(
    r"INTERNAL ASSERT FAILED|terminate called|pure virtual|corrupted (size|double)|access violation"
    r"|Unknown C\+\+ exception|heap corruption|double free|unknown exception$",
    re.I,
)
_NATIVE_NAMES = {"SystemError", "PanicException"}  # Python's C interface misused; a panic in Rust

# What gloo and torch's stores say when another process of the group is gone.
_LOST_PEER = re.compile(r"Connection closed by peer|Connection reset by peer|Broken pipe")
_LOST_NAMES = {"RayActorError", "DistNetworkError", "WorkerCrashedError", "NodeDiedError"}

_LOADER = re.compile(r"DataLoader worker .*(killed by signal: (?P<signal>[\w ]+)|exited unexpectedly)", re.S)


def text_of(error: BaseException) -> str:
    """Return what an exception says, though its own way to say it may fail."""
    try:
        return str(error)
    except Exception as second:  # whatever a library's ``__str__`` raises
        return f"<no message: {type(second).__name__}>"


def chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error, and those that it was raised from or that it groups, each once."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        each = waiting.pop(0)
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        waiting.append(each.__cause__)
        waiting.extend(getattr(each, "exceptions", ()) if isinstance(each, BaseExceptionGroup) else ())
        cause = getattr(each, "cause", None)  # Ray's: of an error in another process
        waiting.append(cause if isinstance(cause, BaseException) else None)


def _is_named(error: BaseException, names: Iterable[str]) -> bool:
    return any(kind.__name__ in names for kind in type(error).__mro__)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory ran out, of the machine or of a GPU, here or in a process that loads data."""
    if _is_named(error, _MEMORY_NAMES) or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
        return True
    loader = _LOADER.search(text_of(error))
    if loader and loader["signal"] is not None:  # the kernel kills for memory; shared memory ends in SIGBUS
        return loader["signal"].startswith(("Killed", "Bus error"))
    return isinstance(error, RuntimeError) and bool(_MEMORY.search(text_of(error)))


def is_device_error(error: BaseException) -> bool:
    """Whether a GPU, its driver or its libraries failed, or communication between GPUs did."""
    if _is_named(error, _DEVICE_NAMES):
        return True
    return isinstance(error, RuntimeError | OSError | ImportError) and bool(_DEVICE.search(text_of(error)))


def is_lost_process(error: BaseException) -> bool:
    """Whether another process, on which this one's work depends, is gone."""
    if _is_named(error, _LOST_NAMES):
        return True
    return type(error) is RuntimeError and bool(_LOST_PEER.search(text_of(error)))


def is_crash(error: BaseException) -> bool:
    """Whether a process that loads data ended by itself."""
    return isinstance(error, RuntimeError) and bool(_LOADER.search(text_of(error)))


def is_native(error: BaseException) -> bool:
    """Whether native code failed in a way that nobody expected, or none of Python's own exceptions came."""
    if _is_named(error, _NATIVE_NAMES):
        return True
    if not isinstance(error, Exception):  # from a library that means to end more than the cell
        return not isinstance(error, SystemExit | KeyboardInterrupt | GeneratorExit | BaseExceptionGroup)
    return bool(_NATIVE.search(text_of(error)))


def is_out_of_files(error: BaseException) -> bool:
    """Whether the process, or the machine, has too many files open."""
    return isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE)
