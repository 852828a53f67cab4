"""How an invoke got its environment, and where the time of its start went."""

import json

HELLO = {"index.py": "def handler(e, c):\n    return 'hello'\n"}


def test_each_invoke_tells_how_it_got_its_environment(server, deploy, invoke):
    name = deploy(HELLO)
    for expected in ((1, 0), (1, 1), (1, 2)):
        invoke(name)
        (mine,) = [f for f in ledger(server)["functions"] if f["function"] == name]
        assert (mine["cold"] + mine["pooled"], mine["warm"]) == expected
    head, line = [row.split() for row in server.cli("ledger").stdout.splitlines() if row.startswith(("FUNCTION", name))]
    assert line[head.index("WARM")] == "2"


def ledger(server):
    return json.loads(server.cli("ledger", "--output", "json").stdout)
