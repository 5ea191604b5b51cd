"""The address of a bucket for recordings."""

from __future__ import annotations

from typing import NamedTuple


class BucketAddress(NamedTuple):
    """A bucket and its credentials.

    Attributes:
        prefix: of our objects' names, without slashes at either end; "" for the whole bucket.
        endpoint: scheme, host and port; "" for Amazon S3.
        region: "" for the region in the environment.
    """

    bucket: str
    prefix: str
    endpoint: str
    region: str
    key_id: str
    secret_key: str
    token: str

    def __repr__(self) -> str:
        return f"s3://{'/'.join(filter(None, (self.bucket, self.prefix)))}"
