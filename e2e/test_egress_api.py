"""Lambkin's own API from a function: out of reach, unless the server says otherwise, and then by one name alone."""

import pytest
from harness.outside import MODES, Place
from test_egress_clients import package  # noqa: F401 (a fixture)
from harness.world import HOST4, HOST6


def test_the_api_is_out_of_reach(place):
    port = place.server.port
    targets = [(address, port) for address in ("127.0.0.1", "::1", HOST4, HOST6, "lambkin.internal", "169.254.100.1",
                                               "0.0.0.0", "::ffff:127.0.0.1", "localhost")]
    for answer in place.do("reach", targets=targets):
        assert answer not in ("connected", ""), targets


@pytest.mark.parametrize("mode", MODES)
def test_the_api_by_its_name_where_it_is_allowed(mode, world, package, tmp_path):  # noqa: F811
    """An unmodified boto3 in a function invokes another function. Nothing else of the host is opened by it."""
    tmp_path.chmod(0o755)
    with world.entered():
        place = Place(world, mode, tmp_path, "--allow-api-from-functions")
        try:
            called = place.deploy({"index.py": "def handler(event, context): return event\n"})
            caller = place.deploy(package, MemorySize=1024, Timeout=30)
            port, server = place.server.port, place.server
            known = {"key": server.access_key, "secret": server.secret_key, "called": called}
            endpoint = f"http://lambkin.internal:{port}"
            assert place.do("with_the_servers_api", name=caller, endpoint=endpoint, **known) == "from a function"
            stranger = known | {"secret": "x" * 40}
            answer = place.do("with_the_servers_api", name=caller, endpoint=endpoint, **stranger)
            assert answer != "from a function"
            targets = [("127.0.0.1", port), (HOST4, port), ("169.254.100.1", port + 1), ("169.254.100.1", 80),
                       ("169.254.100.2", port), ("169.254.169.254", 80), ("lambkin.internal", 80)]
            answers = place.do("reach", targets=targets)
            assert "connected" not in answers and "" not in answers, answers
        finally:
            place.end()
