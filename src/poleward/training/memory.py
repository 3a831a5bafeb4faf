"""How the C library keeps memory between training steps."""

import ctypes

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
LARGEST_BLOCK = 2**30
LARGEST_REST = 2**31 - 1


def keep_freed_memory() -> None:
    """Tell glibc to keep freed blocks of up to 1 GiB for the next step instead of handing them back to the system.

    Every step of an image training frees and asks for the same large blocks; having them zeroed anew by the system each
    time costs a fifth of the step. The setting holds for the whole process, so it is for a program's own process, not
    for a
    library's caller. Where the C library is another one, nothing happens.
    """
    try:
        set_option = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):
        return
    set_option(M_MMAP_THRESHOLD, LARGEST_BLOCK)
    set_option(M_TRIM_THRESHOLD, LARGEST_REST)
