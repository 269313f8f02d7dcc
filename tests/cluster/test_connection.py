"""What a driver asks of a cluster before it works on it."""

import platform

import pytest

from condvae.cluster.connection import connected, require_versions, versions
from condvae.errors import ClusterError


def test_a_machine_with_another_version_is_named() -> None:
    require_versions(versions())
    with pytest.raises(ClusterError) as caught:
        require_versions({**versions(), "torch": "1.0"})
    assert f"The machine {platform.node()} has torch {versions()['torch']} instead of 1.0." in str(caught.value)


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("somewhere", "--address must be HOST:PORT or auto, got somewhere. Ray's usual port is 6379."),
        ("127.0.0.1:1", "Ray cannot be reached at the address 127.0.0.1:1: Connection refused."),
    ],
)
def test_an_address_where_no_cluster_is(address: str, message: str) -> None:
    with pytest.raises(ClusterError) as caught, connected(address):
        pass
    assert message in str(caught.value)
