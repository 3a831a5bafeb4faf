"""Everything Poleward raises on purpose.

::

    PolewardError                 a sentence for the user; the command line prints it and exits with 2
    ├── SourceError               the data cannot be read, or a selection asks for what is not there
    │   ├── SchemaError           the data are not shaped like those the model was trained on
    │   └── SizeError             the data are larger, or say that they are, than is accepted
    ├── ModelError                a model folder is missing, truncated, foreign, newer or damaged
    ├── OutputError               the output cannot be written
    ├── SettingError              an option has a value that is not accepted
    └── TrainingCollapsed         training ended in something that cannot rank
    Interrupted                   the user asked to stop; a checkpoint was left (exit code 130)

``SourceError``, ``SchemaError`` and ``SettingError`` are also ``ValueError``, as scikit-learn's callers expect.
"""


class PolewardError(Exception):
    """A sentence that says what was found, what is accepted, and what to do."""


class SourceError(PolewardError, ValueError):
    """The data cannot be read, or a selection asks for what is not there."""


class SchemaError(SourceError):
    """The data are not shaped like those the model was trained on."""


class SizeError(SourceError):
    """The data are larger, or say that they are, than is accepted."""


class ModelError(PolewardError):
    """A model folder is missing, truncated, foreign, newer or damaged."""


class OutputError(PolewardError):
    """The output cannot be written."""


class SettingError(PolewardError, ValueError):
    """An option has a value that is not accepted."""


class TrainingCollapsed(PolewardError):  # noqa: N818 - the name says what happened
    """Training ended in something that cannot rank."""


class Interrupted(Exception):  # noqa: N818 - not a fault
    """The user asked to stop; the sentence says where the checkpoint lies."""
