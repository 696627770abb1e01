"""The fixtures of test_api_*.py."""

import pytest

from api_ground import Ground


@pytest.fixture
def ground(lab, build):
    """A node, a neighbour and a host for API servers, none of which runs yet."""
    return Ground(lab, build)


@pytest.fixture
def synced(ground):
    """kbgpd follows the API server; the neighbour has the pod CIDR and 192.0.2.1/32."""
    ground.web("web", "192.0.2.1")
    ground.serve()
    ground.start()
    ground.wait_routes("10.244.1.0/24", "192.0.2.1/32")
    ground.wait_followed()
    return ground
