"""Why a mirror cannot begin or go on."""


class MirrorError(Exception):
    """A mirror cannot begin, or go on; the message says why."""
