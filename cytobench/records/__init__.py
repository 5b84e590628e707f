"""Records: what each trial leaves, one JSON file with a versioned schema, and its predictions as Parquet."""

from cytobench.records.files import (
    predictions_kept,
    predictions_of,
    read_record,
    read_records,
    record_files,
    rescore,
    write_record,
)
from cytobench.records.model import (
    SCHEMA_VERSION,
    ClassifierUsed,
    DatasetUsed,
    DeviceUsed,
    Environment,
    Failure,
    GeneratorUsed,
    PromptUsed,
    ProtocolUsed,
    RanUsed,
    Record,
    StageReport,
    WeightsUsed,
)

__all__ = [
    "SCHEMA_VERSION",
    "ClassifierUsed",
    "DatasetUsed",
    "DeviceUsed",
    "Environment",
    "Failure",
    "GeneratorUsed",
    "PromptUsed",
    "ProtocolUsed",
    "RanUsed",
    "Record",
    "StageReport",
    "WeightsUsed",
    "predictions_kept",
    "predictions_of",
    "read_record",
    "read_records",
    "record_files",
    "rescore",
    "write_record",
]
